using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>The order of messages: system first, nothing between calls and their outputs, speakers by turns.</summary>
public sealed class OrderTests
{
    private const string User = """{"role":"user","content":"hi"}""";
    private const string Developer = """{"role":"developer","content":"dev"}""";
    private const string System = """{"role":"system","content":[{"type":"input_text","text":"sys"}]}""";
    private const string Assistant = """{"role":"assistant","content":"ok"}""";
    private const string Empty = """{"role":"assistant","content":[]}""";

    [Theory]
    [InlineData("u", "", "user=hi")]
    [InlineData("u", "be", "system=be user=hi")]
    [InlineData("d u", "be", "system=be\n\ndev user=hi")]
    [InlineData("d u", "", "system=dev user=hi")]
    [InlineData("s d u", "", "system=sys\n\ndev user=hi")]
    [InlineData("x d u", "be", "system=be\n\ndev user=hi")]
    [InlineData("d", "be", "system=be\n\ndev user=Continue.")]
    [InlineData("", "be", "system=be user=Continue.")]
    [InlineData("u d u", "", "user=hi\n\nSystem message:\ndev\n\nhi")]
    [InlineData("u a d u", "", "user=hi assistant=ok user=System message:\ndev\n\nhi")]
    [InlineData("u u", "", "user=hi\n\nhi")]
    [InlineData("u e u", "", "user=hi\n\nhi")]
    [InlineData("a", "", "user=Continue. assistant=ok user=Continue.")]
    [InlineData("u a", "", "user=hi assistant=ok user=Continue.")]
    [InlineData("u a e a u", "", "user=hi assistant=ok\n\nok user=hi")]
    public void Messages_InPlain_LeadWithOneSystemMessageAndAlternate(string items, string instructions, string sent) =>
        Assert.Equal(sent, Told(KnownDialects.Plain, items, instructions));

    [Theory]
    [InlineData("d u", "be", "system=be\n\ndev user=hi")]
    [InlineData("u d u u", "", "user=hi system=dev user=hi user=hi")]
    [InlineData("u a", "", "user=hi assistant=ok")]
    [InlineData("u e u", "", "user=hi user=hi")]
    [InlineData("c1 o1 u", "", "assistant=[1] tool=1 user=hi")]
    public void Messages_WhereAnythingGoes_StayAsTheyCame(string items, string instructions, string sent) =>
        Assert.Equal(sent, Told(KnownDialects.OpenAI, items, instructions));

    [Theory]
    [InlineData("u c1 u o1", "user=hi assistant=[1] tool=1 assistant=Noted. user=hi")]
    [InlineData("u c1 c2 o1 u o2", "user=hi assistant=[1,2] tool=1 tool=2 assistant=Noted. user=hi")]
    [InlineData("u c1 c2 o2 u o1 a",
        "user=hi assistant=[1,2] tool=2 tool=1 assistant=Noted. user=hi assistant=ok user=Continue.")]
    [InlineData("u c1 d o1", "user=hi assistant=[1] tool=1 assistant=Noted. user=System message:\ndev")]
    [InlineData("u c1 a o1", "user=hi assistant=ok[1] tool=1")]
    [InlineData("u c1 u a o1 u", "user=hi assistant=[1] tool=1 assistant=Noted. user=hi assistant=ok user=hi")]
    [InlineData("u c1 u c2 o1 o2", "user=hi assistant=[1,2] tool=1 tool=2 assistant=Noted. user=hi")]
    [InlineData("u c1 c2 o1 c3 o3 o2", "user=hi assistant=[1,2] tool=1 tool=2 assistant=[3] tool=3")]
    [InlineData("u c1 c2 o1 c3 u c4 o4 o3 o2",
        "user=hi assistant=[1,2] tool=1 tool=2 assistant=[3] tool=3 assistant=Noted. user=hi assistant=[4] tool=4")]
    [InlineData("u c1 o1 c2 o2 a", "user=hi assistant=[1] tool=1 assistant=[2] tool=2 assistant=ok user=Continue.")]
    public void Calls_WhateverStandsBetween_AreFollowedByTheirOutputs(string items, string sent)
    {
        Assert.Equal(sent, Told(KnownDialects.Plain, items, ""));
        Assert.Equal(sent, Told(KnownDialects.Plain, items, "", moves: true));
    }

    [Fact]
    public void Calls_WhereThoughtsHaveNoMember_GoWithoutThem() => Assert.Equal("user=hi assistant=[1] tool=1",
        Told(KnownDialects.Plain with { ReasoningWithCalls = true }, "u c1 o1", ""));

    [Fact]
    public void Calls_WhereOneIsTakenAtATime_FollowEachOther() => Assert.Equal(
        "user=hi assistant=ok[1] tool=1 assistant=[2] tool=2",
        Told(KnownDialects.Plain with { ParallelCalls = false }, "u a c1 c2 o2 o1", ""));

    [Fact]
    public void Bytes_OfManyInterleavedRounds_TakeTimeInProportion()
    {
        // Each round opens the next one; a renderer that looks at all that waits again and again needs minutes.
        const int rounds = 20_000;
        var driver = new ChatDriver(KnownDialects.Plain);
        Array.ForEach((string[])[Call(0), Call(1), Output(0)], driver.Add);
        for (var i = 2; i < rounds; i += 2)
        {
            Array.ForEach((string[])[Call(i), Call(i + 1), Output(i)], driver.Add);
        }

        for (var i = 1; i < rounds; i += 2)
        {
            driver.Add(Output(i));
        }

        var messages = driver.Messages();
        Assert.Equal(rounds, messages.Split("\"id\"").Length - 1);
        Assert.Equal(rounds, messages.Split("\"tool_call_id\"").Length - 1);
    }

    [Theory]
    [InlineData("u")]
    [InlineData("u a")]
    [InlineData("u c1 o1")]
    [InlineData("d")]
    [InlineData("u c1 o1 a d")]
    public void Request_BehindALongHistory_AddsNothingThatGrowsWithIt(string round)
    {
        var driver = new ChatDriver(KnownDialects.Plain);
        for (var i = 0; i < 1_000; i++)
        {
            Add(driver, round);
        }

        var body = driver.Api.Write(driver.Call());
        Assert.InRange(body.Head.Length + body.Tail.Length, 1, 300);
    }

    private static string Call(int id) =>
        $$"""{"type":"function_call","call_id":"call_number_{{id}}","name":"f","arguments":"{}"}""";

    private static string Output(int id) =>
        $$"""{"type":"function_call_output","call_id":"call_number_{{id}}","output":"x"}""";

    private static string Told(Dialect dialect, string items, string instructions, bool moves = false)
    {
        var driver = new ChatDriver(dialect) { Moves = moves };
        Add(driver, items);
        if (instructions.Length > 0)
        {
            driver.With("instructions", $"\"{instructions}\"");
        }

        return string.Join(' ', driver.Request()["messages"]!.AsArray().Select(message =>
            $"{message!["role"]}={message["content"]}".Replace("=x", "", StringComparison.Ordinal) +
            (message["tool_call_id"] is { } id ? "=" + ((string)id!)[^1] : "") +
            (message["tool_calls"] is { } calls
                ? $"[{string.Join(',', calls.AsArray().Select(call => ((string)call!["id"]!)[^1]))}]" : "")));
    }

    private static void Add(ChatDriver driver, string items)
    {
        foreach (var item in items.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            driver.Add(item[0] switch
            {
                'u' => User,
                'd' => Developer,
                's' => System,
                'a' => Assistant,
                'e' => Empty,
                'c' => Call(item[1] - '0'),
                'o' => Output(item[1] - '0'),
                _ => """{"type":"web_search_call"}""",
            });
        }
    }
}
