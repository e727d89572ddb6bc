using System.Text;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>The entries of a dialect as a file and the environment give them.</summary>
public sealed class DialectEntriesTests
{
    private const string Place = "ModelServers[0]: ";

    [Fact]
    public void List_ThatIsEmptyInTheFile_MeansNone()
    {
        var dialect = Applied("openai", """{"Members":[],"Efforts":[],"ImageDetails":[]}""");

        Assert.Empty(dialect.Members);
        Assert.Empty(dialect.Efforts);
        Assert.Empty(dialect.ImageDetails);
    }

    [Theory]
    [InlineData("Efforts")]
    [InlineData("Members")]
    [InlineData("ImageDetails")]
    public void List_ThatIsEmptyInTheEnvironment_MeansNone(string entry)
    {
        var dialect = Applied("openai", "{}", (entry, ""));

        var list = entry == "Efforts" ? dialect.Efforts : entry == "Members" ? dialect.Members : dialect.ImageDetails;
        Assert.Empty(list);
    }

    [Fact]
    public void Entry_ThatIsLeftOut_StaysAsTheDialectHasIt() =>
        Assert.Same(KnownDialects.OpenAI, Applied("openai", """{"Efforts":null,"Alternates":""}"""));

    [Theory]
    [InlineData("""{"think":false}""", ",\"think\":false")]
    [InlineData("""{"a":{"b":true,"c":1.5},"d":"e"}""", ",\"a\":{\"b\":true,\"c\":1.5},\"d\":\"e\"")]
    [InlineData("""{"list":[1,"two",false]}""", ",\"list\":[1,\"two\",false]")]
    [InlineData("""{"date":"2026-01-01","code":"007","minus":-1}""",
        ",\"code\":\"007\",\"date\":\"2026-01-01\",\"minus\":-1")]
    [InlineData("""{"gone":null}""", ",\"gone\":null")]
    [InlineData("{}", "")]
    [InlineData("\"{\\\"text\\\":\\\"1\\\"}\"", ",\"text\":\"1\"")]
    public void Object_AsAnObjectOrAText_IsSentAsItStands(string json, string members)
    {
        var dialect = Applied("deepseek", $$"""{"NoThinking":{{json}},"MustCall":{{json}},"ForeignCall":{{json}}}""");

        Assert.Equal((members, members, members), (dialect.NoThinking, dialect.MustCall, dialect.ForeignCall));
    }

    [Fact]
    public void Object_OfTheEnvironment_IsSentToo() => Assert.Equal(
        ",\"think\":false", Applied("plain", "{}", ("NoThinking:think", "false")).NoThinking);

    [Theory]
    [InlineData("""{"Alternates":"often"}""", "DialectEntries: Alternates 'often' must be true or false.")]
    [InlineData("""{"CallIdLength":"nine"}""", "DialectEntries: CallIdLength 'nine' must be a whole number.")]
    [InlineData("""{"CallIdLength":40}""", "DialectEntries: CallIdLength is 40, but must be 0 to 21.")]
    [InlineData("""{"LogprobsMax":-1}""", "DialectEntries: LogprobsMax is -1, but must be 0 to 1000.")]
    [InlineData("""{"Members":"user"}""",
        "DialectEntries: Members must be a list of texts; the environment has the first as Members__0.")]
    [InlineData("""{"Efforts":["huge"]}""",
        "DialectEntries: Efforts 'huge' must be one of none, minimal, low, medium, high, xhigh, max.")]
    [InlineData("""{"ImageDetails":["fine"]}""",
        "DialectEntries: ImageDetails 'fine' must be one of auto, low, high, original.")]
    [InlineData("""{"LaterSystem":"tool"}""", "DialectEntries: LaterSystem 'tool' must be one of system, user.")]
    [InlineData("""{"MustCall":"yes"}""",
        "DialectEntries: MustCall 'yes' must be a JSON object, such as {\"think\":false}.")]
    [InlineData("""{"MustCall":["yes"]}""",
        "DialectEntries: MustCall '[\"yes\"]' must be a JSON object, such as {\"think\":false}.")]
    [InlineData("""{"Effort":["low"]}""", "DialectEntries: there is no setting 'Effort'.")]
    [InlineData("5", "DialectEntries must be an object of settings.")]
    public void Entry_ThatIsWrong_IsTheOnlyMistake(string entries, string expected)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Read("plain", "chat", entries));

        Assert.Equal([Place + expected], error.Failures);
    }

    [Theory]
    [InlineData("""{"Alternates":false}""")]
    [InlineData("""{"Efforts":[]}""")]
    [InlineData("{}")]
    public void Dialect_OfAResponsesServer_IsRefused(string entries)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Read("plain", "responses", entries));

        Assert.Contains("are for servers of the API chat", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    private static Dialect Applied(string dialect, string entries, params (string Entry, string Value)[] environment) =>
        DialectChanges.Apply(KnownDialects.Find(dialect)!, Read(dialect, "chat", entries, environment));

    private static ModelServerOptions Read(
        string dialect, string api, string entries, params (string Entry, string Value)[] environment)
    {
        var file = $$$"""
            {"Evergrain":{"ModelServers":[
              {"Name":"a","Urls":["http://a/v1"],"Api":"{{{api}}}","Dialect":"{{{dialect}}}",
               "DialectEntries":{{{entries}}}}]}}
            """;
        return Assert.Single(ModelServerSettings.Read(new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(file)))
            .AddInMemoryCollection(environment.Select(static one => new KeyValuePair<string, string?>(
                $"Evergrain:ModelServers:0:DialectEntries:{one.Entry}", one.Value)))
            .Build()));
    }
}
