using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Checks;
using Evergrain.Suites.Checks;

namespace Evergrain.Providers.Tests.Checks;

/// <summary>What rules find, and where they look.</summary>
public sealed class RulesCheckTests
{
    private const string Message = """{"role":"user","content":"a secret"}""";

    [Theory]
    [InlineData("""{"role":"user","content":"a secret"}""")]
    [InlineData("""{"role":"user","content":[{"type":"input_text","text":"a secret"}]}""")]
    [InlineData("""{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":\"secret\"}"}""")]
    [InlineData("""{"type":"function_call_output","call_id":"c","output":"secret"}""")]
    [InlineData("""{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"secret"}]}""")]
    [InlineData("""{"type":"custom_tool_call","call_id":"c","name":"f","input":"secret"}""")]
    [InlineData("""{"type":"reasoning","summary":[{"type":"summary_text","text":"secret"}]}""")]
    [InlineData("""{"type":"new_thing","deep":{"er":[["x",{"a_id":["secret"]}]]}}""")]
    [InlineData("""{"type":"new_thing","type_":"secret"}""")]
    [InlineData("""{"role":"user","cont\u0065nt":"secret"}""")]
    [InlineData("""{"role":"user","\udc00":"secret"}""")]
    [InlineData("""{"role":"user","content":"s\u0065cr\u0065t"}""")]
    [InlineData("""{"role":"user","content":"\ud800\n\"\\\/\b\f\r\t\u00e9\ud83d\ude00secret"}""")]
    [InlineData("""{"role":"user","content":"é😀secret"}""")]
    [InlineData("""{"role":"user","content":"secret\udc00"}""")]
    public async Task Rule_PatternInAnyText_RefusesTheInput(string item)
    {
        using var check = new CheckDriver(Rules(Rule("secret")));

        var refusal = await check.CheckAsync("""{"role":"user","content":"fine"}""", item);

        Assert.Equal((RefusalKind.InputRefused, "No secrets.", "input[1]"),
            (refusal!.Kind, refusal.Message, refusal.Param));
        Assert.Empty(check.Failures);
    }

    [Fact]
    public async Task Rule_EveryEscape_IsDecoded()
    {
        using var check = new CheckDriver(Rules(Rule("""^\n\t\r\f\x08"/\\\ud800 é😀$""")));

        Assert.NotNull(await check.CheckAsync(
            """{"role":"user","content":"\n\t\r\f\b\"\/\\\ud800 \u00E9\ud83d\ude00"}"""));
        Assert.Null(await check.CheckAsync("""{"role":"user","content":"\n\t"}"""));
    }

    [Theory]
    [InlineData("""{"type":"function_call_output","call_id":"secret","output":"fine"}""")]
    [InlineData("""{"type":"message","id":"secret","role":"user","status":"secret","content":"fine"}""")]
    [InlineData("""{"role":"user","content":[{"type":"secret","file_id":"secret"}]}""")]
    [InlineData("""{"type":"compaction","encrypted_content":"secret"}""")]
    [InlineData("""{"type":"item_reference","id":"secret"}""")]
    [InlineData("""{"role":"user","content":"fine","secret":1}""")]
    public async Task Rule_PatternInIdsOrNames_IsNotSeen(string item)
    {
        using var check = new CheckDriver(Rules(Rule("secret")));

        Assert.Null(await check.CheckAsync(item));
    }

    [Theory]
    [InlineData("message", "", Message, true)]
    [InlineData("message", "", """{"type":"m\u0065ssage","role":"user","content":"secret"}""", true)]
    [InlineData("message", "", """{"t\u0079pe":"message","role":"user","content":"secret"}""", true)]
    [InlineData("message", "", """{"type":"function_call_output","call_id":"c","output":"secret"}""", false)]
    [InlineData("function_call_output", "", """{"output":"secret","type":"function_call_output"}""", true)]
    [InlineData("function_call_output", "", Message, false)]
    [InlineData("", "user", Message, true)]
    [InlineData("", "system", Message, false)]
    [InlineData("", "system", """{"content":"secret","role":"system"}""", true)]
    [InlineData("", "user", """{"type":"function_call_output","call_id":"c","output":"secret"}""", false)]
    [InlineData("message", "user", """{"type":"message","role":"assistant","content":"secret"}""", false)]
    public async Task Rule_TypeOrRole_LooksAtThoseItemsOnly(string type, string role, string item, bool isRefused)
    {
        var rule = Rule("secret");
        AddUnlessEmpty(rule.Types, type);
        AddUnlessEmpty(rule.Roles, role);
        using var check = new CheckDriver(Rules(rule));

        Assert.Equal(isRefused, await check.CheckAsync(item) is not null);
    }

    [Fact]
    public async Task Rules_Several_TheFirstOneBrokenSpeaks()
    {
        var options = Rules(Rule("^no$", "first"), Rule("secret", "second"), Rule("a", "third"));
        using var check = new CheckDriver(options);

        Assert.Equal("second", (await check.CheckAsync(Message))!.Message);
    }

    [Theory]
    [InlineData("(?i)SECRET(?-i)")]
    [InlineData("(?<=a )secret")]
    [InlineData(@"\b(s)ecret\b(?!s)")]
    public async Task Rule_AnyDialectOfPattern_IsTaken(string pattern)
    {
        using var check = new CheckDriver(Rules(Rule(pattern)));

        Assert.NotNull(await check.CheckAsync(Message));
        Assert.Null(await check.CheckAsync("""{"role":"user","content":"public"}"""));
    }

    [Theory]
    [InlineData(FailureMeaning.Refuse, RefusalKind.Unavailable)]
    [InlineData(FailureMeaning.Allow, null)]
    public async Task Rule_TakesTooLong_MeansWhatTheSettingSays(FailureMeaning meaning, RefusalKind? expected)
    {
        var options = Rules(Rule("^(?!b)(a|aa)+$", name: "slow"));
        (options.OnFailure, options.MatchTimeout) = (meaning, TimeSpan.FromMilliseconds(20));
        using var check = new CheckDriver(options);

        var refusal = await check.CheckAsync($$"""{"role":"user","content":"{{new string('a', 64)}}!"}""");

        Assert.Equal(expected, refusal?.Kind);
        var failure = Assert.Single(check.Failures);
        Assert.Equal(CheckFailureKind.TimedOut, failure.Kind);
        Assert.Contains("'slow'", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("aaa", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_AllTogetherTakeTooLong_EndInTime()
    {
        using var check = new CheckDriver(Rules(Rule("secret")), new InstantTime());

        var refusal = await check.CheckAsync(Message);

        Assert.Equal((RefusalKind.Unavailable, TimeSpan.FromSeconds(2)), (refusal!.Kind, refusal.RetryAfter));
        Assert.Equal(CheckFailureKind.TimedOut, Assert.Single(check.Failures).Kind);
    }

    [Fact]
    public async Task Check_CallerGone_EndsWithoutAFailure()
    {
        using var check = new CheckDriver(Rules(Rule("secret")));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            check.CheckAsync(CheckDriver.Input(Message), new CancellationToken(canceled: true)));

        Assert.Empty(check.Failures);
    }

    [Fact]
    public async Task Rule_LongTexts_AreSearchedToTheEnd()
    {
        using var check = new CheckDriver(Rules(Rule("secret$")));
        var texts = string.Join(',', Enumerable.Range(1, 20).Select(i => $"\"{new string('é', i * 1000)}\""));

        Assert.NotNull(await check.CheckAsync($$"""{"type":"x","texts":[{{texts}},"\u0020secret"]}"""));
        Assert.Null(await check.CheckAsync($$"""{"type":"x","texts":[{{texts}}]}"""));
    }

    [Fact]
    public async Task NewInput_OfACreate_IsItsItemsAndNothingElse()
    {
        using var check = new CheckDriver(Rules(Rule("secret")));
        var create = """{"model":"secret","instructions":"secret","metadata":{"a":"secret"},"input":"fine"}""";

        Assert.Null(await check.CheckAsync(NewInput.Read("secret", Encoding.UTF8.GetBytes(create))));
        Assert.Equal("input[0]", (await check.CheckAsync(
            NewInput.Read("acme", """{"model":"m","input":"my secret"}"""u8.ToArray())))!.Param);
    }

    private static InputCheckOptions Rules(params InputRule[] rules) => new() { Rules = [.. rules] };

    private static InputRule Rule(string pattern, string message = "No secrets.", string? name = null) =>
        new() { Name = name ?? message, Pattern = pattern, Message = message };

    private static void AddUnlessEmpty(IList<string> list, string value)
    {
        if (value.Length > 0)
        {
            list.Add(value);
        }
    }
}
