using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>What settings and hosts say of a server's dialect.</summary>
public sealed class DialectSettingsTests
{
    [Theory]
    [InlineData("https://api.openai.com/v1", "openai")]
    [InlineData("https://API.OpenAI.com:443/v1/", "openai")]
    [InlineData("https://us.api.openai.com/v1", "openai")]
    [InlineData("https://eu.api.openai.com/v1", "openai")]
    [InlineData("https://mine.openai.azure.com/openai/v1", "azure")]
    [InlineData("https://mine.services.ai.azure.com/openai/v1", "azure")]
    [InlineData("https://openrouter.ai/api/v1", "openrouter")]
    [InlineData("https://api.mistral.ai/v1", "mistral")]
    [InlineData("https://codestral.mistral.ai/v1", "mistral")]
    [InlineData("https://generativelanguage.googleapis.com/v1beta/openai", "gemini")]
    [InlineData("https://api.groq.com/openai/v1", "groq")]
    [InlineData("https://api.deepseek.com", "deepseek")]
    [InlineData("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "bedrock")]
    [InlineData("https://bedrock-mantle.eu-central-1.api.aws/v1", "bedrock")]
    [InlineData("https://proxy.local/api.openai.com/v1", null)]
    [InlineData("https://api.openai.com.evil.example/v1", null)]
    [InlineData("https://notapi.openai.com/v1", null)]
    [InlineData("https://openai.azure.com/v1", null)]
    [InlineData("https://bedrock-runtime.a.b.amazonaws.com/v1", null)]
    [InlineData("http://127.0.0.1:8080/v1", null)]
    [InlineData("http://[::1]:11434/v1", null)]
    public void Host_OfAUrl_GivesItsDialect(string url, string? dialect)
    {
        Assert.Equal(dialect, DialectHosts.Find(url));
        var choice = DialectChoice.Of(null, [url, "https://api.groq.com/openai/v1"]);
        Assert.Equal((dialect ?? "plain", dialect is not null), (choice.Dialect.Name, choice.IsKnown));
    }

    [Fact]
    public void Setting_ComesBeforeTheHost()
    {
        var choice = DialectChoice.Of("vllm", ["https://api.openai.com/v1"]);

        Assert.Equal(("vllm", "its settings say so", true), (choice.Dialect.Name, choice.Reason, choice.IsKnown));
    }

    [Fact]
    public void Entries_OfSettings_TakeThePlaceOfTheDialects()
    {
        var given = new JsonObject
        {
            ["Members"] = new JsonArray("user", "verbosity"), ["Efforts"] = new JsonArray("high"),
            ["LaterSystem"] = "system", ["Alternates"] = false, ["ParallelCalls"] = false,
            ["ReasoningWithCalls"] = true, ["CallIdLength"] = 9, ["ForcedFunction"] = "object",
            ["JsonObject"] = "as_schema", ["JsonSchema"] = false, ["ImageDetails"] = new JsonArray("low"),
            ["Files"] = false, ["Audio"] = false, ["LogprobsMax"] = 3, ["SessionField"] = "session_id",
        };

        // These are objects, whose members are spliced in.
        string[] objects = ["NoThinking", "MustCall", "ForeignCall"];
        Assert.Equal(typeof(DialectOptions).GetProperties().Length, given.Count + objects.Length);
        var marks = new HashSet<string>();
        foreach (var (name, value) in given)
        {
            var changed = Apply("plain", new JsonObject { [name] = value!.DeepClone() });

            Assert.Equal(value.ToJsonString(), JsonOf(changed)[name]!.ToJsonString());
            Assert.Equal(Without(JsonOf(KnownDialects.Plain), name), Without(JsonOf(changed), name));
            Assert.Matches("^plain-[0-9a-f]{8}$", changed.Mark);
            Assert.True(marks.Add(changed.Mark), $"{name} leads to a mark that another entry has");
        }
    }

    [Theory]
    [InlineData("NoThinking")]
    [InlineData("MustCall")]
    [InlineData("ForeignCall")]
    public void Entries_ThatAreObjects_GiveTheirMembers(string name)
    {
        var changed = Apply("plain", new JsonObject { [name] = """{ "a": {"b":1}, "c\"": null }""" });

        Assert.Equal("""{"a":{"b":1},"c\"":null}""",
            JsonNode.Parse($"{{{((string)JsonOf(changed)[name]!)[1..]}}}")!.ToJsonString(Chat.ChatDriver.Compact));
        Assert.NotEqual("plain", changed.Mark);
    }

    [Fact]
    public void Entries_ThatSayWhatTheDialectSays_ChangeNothing()
    {
        var same = Apply("plain", new JsonObject { ["Alternates"] = true, ["LogprobsMax"] = 20 });

        Assert.Same(KnownDialects.Plain, same);
    }

    [Fact]
    public void List_ThatIsEmpty_LeavesNothing()
    {
        Assert.Empty(Apply("openai", new JsonObject { ["Members"] = new JsonArray() }).Members);
        Assert.Empty(Apply("openai", new JsonObject { ["ImageDetails"] = new JsonArray() }).ImageDetails);
        Assert.Empty(Apply("openai", new JsonObject { ["Efforts"] = new JsonArray() }).Efforts);
    }

    [Fact]
    public void Fields_OfAServer_ComeBeforeItsDialects()
    {
        var options = OptionsOf("""
            {"Api":"chat","Dialect":"mistral","OutputLimitField":"max_completion_tokens","ReasoningField":"reasoning"}
            """, "http://a/v1");

        var changed = DialectChanges.Apply(KnownDialects.Find("mistral")!, options);

        Assert.Equal(("max_completion_tokens", "reasoning", 9),
            (changed.OutputLimitField, changed.ReasoningField, changed.CallIdLength));
    }

    [Theory]
    [InlineData("""{"Dialect":"llamacpp"}""", "Dialect 'llamacpp' must be one of plain, openai, azure, vllm, sglang,")]
    [InlineData("""{"Dialect":"OpenAI"}""", "or be left out.")]
    [InlineData("""{"Dialect":""}""", "Dialect '' must be one of")]
    [InlineData("""{"DialectEntries":{"LaterSystem":"developer"}}""", "'developer' must be one of system, user.")]
    [InlineData("""{"DialectEntries":{"ForcedFunction":"any"}}""", "'any' must be one of object, required.")]
    [InlineData("""{"DialectEntries":{"JsonObject":"no"}}""", "'no' must be one of plain, with_schema, as_schema.")]
    [InlineData("""{"DialectEntries":{"Members":["user","top_k"]}}""", "Members 'top_k' must be one of")]
    [InlineData("""{"DialectEntries":{"CallIdLength":22}}""", "CallIdLength is 22, but must be 0 to 21.")]
    [InlineData("""{"DialectEntries":{"CallIdLength":-1}}""", "CallIdLength is -1, but must be 0 to 21.")]
    [InlineData("""{"DialectEntries":{"LogprobsMax":1001}}""", "LogprobsMax is 1001, but must be 0 to 1000.")]
    [InlineData("""{"DialectEntries":{"MustCall":"thinking"}}""", "'thinking' must be a JSON object,")]
    [InlineData("""{"DialectEntries":{"ForeignCall":"[]"}}""", "'[]' must be a JSON object,")]
    [InlineData("""{"DialectEntries":{"SessionField":""}}""", "SessionField '' must be 1 to 64")]
    [InlineData("""{"DialectEntries":{"SessionField":"a\",\"b"}}""", "must be 1 to 64 of a-z and _.")]
    [InlineData("""{"DialectEntries":{"Alternate":false}}""", "DialectEntries: there is no setting 'Alternate'.")]
    [InlineData("""{"DialectEntries":{"ReasoningField":"x"}}""", "there is no setting 'ReasoningField'.")]
    [InlineData("""{"DialectEntries":{"Files":"maybe"}}""", "Files 'maybe' must be true or false.")]
    public void Setting_ThatIsWrong_IsNamed(string settings, string expected)
    {
        var error = Assert.Throws<OptionsValidationException>(() =>
            new ServiceCollection().AddModelServers(Of(settings, "http://a/v1")));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("ModelServers[0]: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dialect_OfTheServerOfModelUrl_IsASettingToo()
    {
        using var provider = new ServiceCollection().AddLogging().AddModelServers(Json("""
            {"Evergrain":{"ModelUrl":"http://a/v1","ModelApi":"chat",
             "ModelServer":{"Dialect":"mistral","DialectEntries":{"Files":true}}}}
            """)).BuildServiceProvider();

        var backend = Assert.IsType<ModelServerBackend>(provider.GetRequiredService<IModelBackend>());
        Assert.Equal("mistral", backend.Dialect.Dialect.Name);
        Assert.StartsWith("chat:a:mistral-", backend.Rendering, StringComparison.Ordinal);
    }

    /// <summary>A configuration of one server.</summary>
    internal static IConfiguration Of(string settings, params string[] urls)
    {
        var server = JsonNode.Parse(settings)!.AsObject();
        server.TryAdd("Name", "test");
        server.TryAdd("Api", "chat");
        server["Urls"] = new JsonArray([.. urls.Select(static url => (JsonNode)url)]);
        return Json(new JsonObject
        {
            ["Evergrain"] = new JsonObject { ["ModelServers"] = new JsonArray(server) },
        }.ToJsonString());
    }

    private static Dialect Apply(string dialect, JsonObject entries) => DialectChanges.Apply(
        KnownDialects.Find(dialect)!,
        OptionsOf(new JsonObject { ["DialectEntries"] = entries }.ToJsonString(), "http://a/v1"));

    private static ModelServerOptions OptionsOf(string settings, params string[] urls) =>
        Assert.Single(ModelServerSettings.Read(Of(settings, urls)));

    private static JsonObject JsonOf(Dialect dialect) => JsonSerializer.SerializeToNode(dialect)!.AsObject();

    private static string Without(JsonObject dialect, string name)
    {
        dialect.Remove(name);
        dialect.Remove(nameof(Dialect.Mark));
        return dialect.ToJsonString();
    }

    private static IConfiguration Json(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
}
