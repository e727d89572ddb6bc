using System.Diagnostics.CodeAnalysis;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Model servers as a configuration names them.</summary>
public sealed class ModelServerSettingsTests
{
    private const string Two = """
        [{"Name":"big","Models":["org/*","exact"],"Urls":["http://a:1/v1","https://b/v1/"],"Api":"chat","CallsMax":7},
         {"Name":"rest","Urls":["http://c/v1"],"Api":"chat","ReasoningField":"reasoning"}]
        """;

    [Fact]
    public void Servers_OfAList_AreBackendsInItsOrder()
    {
        var backends = Backends(Servers(Two));

        Assert.Equal([14, 256], backends.Select(static backend => backend.CallsMax));
        Assert.Equal(["chat:big", "chat:rest"], backends.Select(static backend => backend.Origin));
        Assert.Equal("chat:big:plain", backends[0].Rendering);
        Assert.StartsWith("chat:rest:plain-", backends[1].Rendering, StringComparison.Ordinal);
        Assert.Equal(["exact"], new ModelCatalog(backends).Names);
    }

    [Theory]
    [InlineData("exact", 0)]
    [InlineData("org/model", 0)]
    [InlineData("org/", 0)]
    [InlineData("other", 1)]
    [InlineData("Exact", 1)]
    [InlineData("an org/model", 1)]
    [InlineData("org/model\n", 0)]
    public void Name_OfAModel_LeadsToItsServer(string model, int server)
    {
        var backends = Backends(Servers(Two));

        Assert.Same(backends[server].Now, new ModelCatalog(backends).Find(model));
    }

    [Fact]
    public void Name_ThatNoServerHas_IsRefusedWithPatternsAndNames()
    {
        var catalog = new ModelCatalog(Backends(Servers("""
            [{"Name":"a","Models":["org/*","one"],"Urls":["http://a/v1"],"Api":"chat"},
             {"Name":"b","Models":["two"],"Urls":["http://b/v1"],"Api":"chat"}]
            """)));

        var refusal = catalog.Refuse("three");

        Assert.Equal((RefusalKind.ModelNotFound, "model"), (refusal.Kind, refusal.Param));
        Assert.Equal("The model 'three' does not exist here. There are: org/*, one, two.", refusal.Message);
    }

    [Theory]
    [InlineData(10, "m9.")]
    [InlineData(11, "m9 and 1 more.")]
    [InlineData(200, "m9 and 190 more.")]
    [InlineData(0, "this server has none.")]
    public void Names_OfMany_AreCutInTheRefusal(int count, string end)
    {
        var names = string.Join(',', Enumerable.Range(0, count).Select(static number => $"\"m{number}\""));
        var catalog = new ModelCatalog(count == 0 ? [] : Backends(Servers(
            $$"""[{"Name":"a","Models":[{{names}}],"Urls":["http://a/v1"],"Api":"chat"}]""")));

        Assert.EndsWith(end, catalog.Refuse("x").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Name_ThatIsSpelledOut_ComesBeforeAPatternOfAnEarlierServer()
    {
        var backends = Backends(Servers("""
            [{"Name":"a","Models":["*"],"Urls":["http://a/v1"],"Api":"chat"},
             {"Name":"b","Models":["b-*","this.one"],"Urls":["http://b/v1"],"Api":"chat"}]
            """));
        var catalog = new ModelCatalog(backends);

        Assert.Same(backends[1].Now, catalog.Find("this.one"));
        Assert.Same(backends[0].Now, catalog.Find("b-1"));
        Assert.Same(backends[0].Now, catalog.Find("this-one"));
    }

    [Fact]
    public void Name_ThatNoServerHas_LeadsNowhere()
    {
        var backends = Backends(Servers("""[{"Name":"a","Models":["a*z"],"Urls":["http://a/v1"],"Api":"chat"}]"""));

        Assert.Null(new ModelCatalog(backends).Find("ay"));
        Assert.NotNull(new ModelCatalog(backends).Find("az"));
    }

    [Fact]
    public void ModelUrl_OfTheCommandLine_StandsAloneForEveryName()
    {
        var backends = Backends($$$"""
            {"Evergrain":{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelKey":"k","ModelServers":{{{Two}}}}}
            """);

        Assert.True(Assert.Single(backends).Serves("anything"));
        Assert.Equal("k", ((ModelServerBackend)backends[0]).Server.Connections.Authorization!.Parameter);
    }

    [Fact]
    public void ModelServer_BesideAModelUrl_HasEverySetting()
    {
        var backend = Assert.Single(Backends("""
            {"Evergrain":{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelServer":{"Name":"own","Models":["x/*"],
             "Urls":["http://b/v1"],"ReasoningField":"reasoning","OutputLimitField":"max_completion_tokens",
             "CallsMax":9,"IdleTimeout":"00:03:00","ModelsInterval":"00:00:07"}}}
            """));

        var options = ((ModelServerBackend)backend).Server.Options;
        Assert.Equal(("own", 9, TimeSpan.FromMinutes(3)), (options.Name, options.CallsMax, options.IdleTimeout));
        Assert.Equal(["http://a/v1", "http://b/v1"], options.Urls);
        Assert.Equal((18, "chat:own"), (backend.CallsMax, backend.Origin));
        Assert.Equal(("reasoning", "max_completion_tokens"), (options.ReasoningField, options.OutputLimitField));
        Assert.Equal((true, false), (backend.Serves("x/y"), backend.Serves("y")));
    }

    [Theory]
    [InlineData("https://api.host.com/v1", "api.host.com")]
    [InlineData("http://127.0.0.1:8000/v1", "127.0.0.1-8000")]
    [InlineData("http://[::1]:8000/v1", "1--8000")]
    [InlineData("https://gateway.local/teams/red/v1", "gateway.local-teams-red")]
    [InlineData("https://gateway.local/teams/blue/v1/", "gateway.local-teams-blue")]
    public void ModelUrl_OfTheCommandLine_NamesItsServer(string url, string name)
    {
        var backend = Assert.Single(Backends($$$"""{"Evergrain":{"ModelUrl":"{{{url}}}","ModelApi":"responses"}}"""));

        Assert.Equal(name, ((ModelServerBackend)backend).Server.Options.Name);
        Assert.Equal($"responses:{name}", backend.Rendering);
    }

    [Fact]
    public void ModelUrl_ThatIsLong_NamesItsServerAlone()
    {
        var names = new[] { "red", "blue" }.Select(static team => Assert.Single(Backends($$$"""
            {"Evergrain":{"ModelUrl":"http://{{{new string('a', 60)}}}.local/{{{team}}}/v1","ModelApi":"responses"}}
            """)).Rendering).ToList();

        Assert.NotEqual(names[0], names[1]);
    }

    [Fact]
    public void Key_FromTheEnvironment_IsTaken()
    {
        const string variable = "EVERGRAIN_TEST_MODEL_KEY";
        Environment.SetEnvironmentVariable(variable, "sk-from-environment");

        var backend = Assert.Single(Backends(Servers($$"""
            [{"Name":"a","Urls":["http://a/v1"],"Api":"chat","KeyEnvironment":"{{variable}}"}]
            """)));

        Assert.Equal("sk-from-environment", ((ModelServerBackend)backend).Server.Connections.Authorization!.Parameter);
    }

    [Theory]
    [InlineData("""{"Urls":["http://a/v1"],"Api":"chat"}""", "ModelServers[0]: Name '' must be 1 to 64 letters")]
    [InlineData("""{"Name":"a b"}""", "Name 'a b'")]
    [InlineData("""{"Name":"a"}""", "0 Urls, but must have 1 to 16")]
    [InlineData("""{"Urls":["a/v1"]}""", "Urls: 'a/v1' is not an absolute http or https URL")]
    [InlineData("""{"Urls":["ftp://a/v1"]}""", "'ftp://a/v1' is not an absolute http or https URL")]
    [InlineData("""{"Urls":["http://me:secret@a/v1"]}""", "one holds user info")]
    [InlineData("""{"Urls":["me:secret@a/v1"]}""", "Urls: one is not an absolute")]
    [InlineData("""{"Urls":["http://a/v1?key=secret"]}""", "leave out what begins with '?' or '#'")]
    [InlineData("""{"Urls":["http://a/v1#secret"]}""", "leave out what begins with '?' or '#'")]
    [InlineData("""{"Urls":["http://a/v1","http://a/v1/"]}""", "one is there twice")]
    [InlineData("""{"Name":"a","Url":"http://a/v1"}""", "ModelServers[0]: there is no setting 'Url'.")]
    [InlineData("""{"Api":"grpc"}""", "Api 'grpc' must be chat or responses.")]
    [InlineData("""{"Key":"secret"}""", "a key does not belong in settings")]
    [InlineData("""{"KeyEnvironment":"NO_SUCH_VARIABLE"}""", "the environment variable 'NO_SUCH_VARIABLE' is not set")]
    [InlineData("""{"CallsMax":0}""", "CallsMax is 0, but must be 1 to 65536.")]
    [InlineData("""{"CallsMax":"many"}""", "ModelServers[0]: CallsMax 'many' must be a whole number.")]
    [InlineData("""{"IdleTimeout":"5 min"}""", "IdleTimeout '5 min' must be a time, written hh:mm:ss.")]
    [InlineData("""{"Name":["a"]}""", "ModelServers[0]: Name must be one value.")]
    [InlineData("""{"Urls":"http://me:secret@a/v1"}""", "Urls must be a list of texts; the environment has the")]
    [InlineData("""{"Models":[{"id":"m"}]}""", "Models must be a list of texts")]
    [InlineData("\"http://a/v1\"", "ModelServers[0] must be an object of settings.")]
    [InlineData("""{"Name":"a"}""", "ModelServers[0]: Api is missing: chat or responses.")]
    [InlineData("""{"Urls":["http://a/v1/chat/completions"]}""", "must be what comes before /chat/completions")]
    [InlineData("""{"Urls":["http://a/v1/responses/"]}""", "'http://a/v1/responses/' must be what comes before")]
    [InlineData("""{"IdleTimeout":"02:00:00"}""", "IdleTimeout is 02:00:00, but must be 00:00:00.1000000 to 01:00:00.")]
    [InlineData("""{"BackOffMin":"00:02:00"}""", "must not exceed BackOffMax, 00:01:00")]
    [InlineData("""{"Models":["a b"]}""", "Models: 'a b' must be 1 to 256 characters without spaces.")]
    [InlineData("""{"ReasoningField":"thoughts"}""", "ReasoningField 'thoughts' must be")]
    [InlineData("""{"OutputLimitField":"limit"}""", "OutputLimitField 'limit' must be")]
    [InlineData("""{"Api":"responses","Dialect":"vllm"}""", "are for servers of the API chat")]
    [InlineData("""{"Api":"responses","DialectEntries":{"Alternates":false}}""", "are for servers of the API chat")]
    [InlineData("""{"Api":"responses","OutputLimitField":"max_tokens"}""", "are for servers of the API chat")]
    [InlineData("""{"Api":"responses","ReasoningField":"reasoning"}""", "are for servers of the API chat")]
    public void Setting_ThatIsWrong_IsNamed(string server, string expected)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Backends(Servers($"[{server}]")));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mistakes_OfEveryServer_AreReportedAtOnce()
    {
        var error = Assert.Throws<OptionsValidationException>(() => Backends(Servers("""
            [{"Name":"a","Models":["m"],"Urls":["http://a/v1"],"Api":"x"},
             {"Name":"a","Models":["m"],"Urls":[],"CallsMax":"x","Api":"chat"},
             {"Name":"c","Models":["m"],"Urls":["http://a/v1"],"Api":"chat"}]
            """)));

        Assert.Contains(error.Failures, static text => text == "ModelServers[0]: Api 'x' must be chat or responses.");
        Assert.Contains(error.Failures, static text => text == "ModelServers[1]: CallsMax 'x' must be a whole number.");
        Assert.Contains(error.Failures, static text =>
            text.Contains("'m' is served by 'a' already", StringComparison.Ordinal));
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("""{"ModelApi":"chat"}""", "ModelApi, ModelKey and ModelServer (--model-…) belong to ModelUrl")]
    [InlineData("""{"ModelServer":{"CallsMax":"3"}}""", "belong to ModelUrl")]
    [InlineData("""{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelServer":{"Callsmax":0}}""", "CallsMax is 0, but")]
    [InlineData("""{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelServer":{"Calls":9}}""", "no setting 'Calls'")]
    [InlineData("""{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelServer":{"Key":"two words"}}""", "a key does not")]
    [InlineData("""{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelServer":{"Urls":["http://a/v1/"]}}""", "twice")]
    [InlineData("""{"ModelUrl":"http://a/v1"}""", "--model-api is missing: chat or responses.")]
    [InlineData("""{"ModelUrl":"http://a/v1","ModelApi":"chat","ModelKey":"two words"}""", "its key must be")]
    public void CommandLine_ThatIsIncomplete_IsExplained(string settings, string expected)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Backends($$$"""{"Evergrain":{{{settings}}}}"""));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two words", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Servers_GivenAsOptions_AreCheckedToo()
    {
        var options = new ModelServerOptions { Name = "a", Api = "chat" };

        Assert.Throws<OptionsValidationException>(() => new ServiceCollection().AddModelServers([options]));
    }

    [Fact]
    public async Task Registration_InAHost_RunsTheListingAndLetsGo()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddModelServers(Configuration(Servers(Two)));
        using var host = builder.Build();

        Assert.Single(host.Services.GetServices<IHostedService>(), static service => service is ModelListing);
        Assert.Equal(2, host.Services.GetServices<IModelBackend>().Count());
        await host.StopAsync();
    }

    private static string Servers([StringSyntax(StringSyntaxAttribute.Json)] string list) =>
        $$$"""{"Evergrain":{"ModelServers":{{{list}}}}}""";

    private static IConfiguration Configuration(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();

    private static List<IModelBackend> Backends(string json) =>
        [.. new ServiceCollection().AddLogging().AddModelServers(Configuration(json)).BuildServiceProvider()
            .GetServices<IModelBackend>()];
}
