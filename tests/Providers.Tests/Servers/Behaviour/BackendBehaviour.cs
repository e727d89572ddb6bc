using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>What every backend of real model servers does, whatever API the server speaks.</summary>
public abstract partial class BackendBehaviour : IAsyncLifetime
{
    private const string Question = "Look, then write.";
    private const string User = $$"""
        {"type":"message","role":"user","content":[{"type":"input_text","text":"{{Question}}"}]}
        """;

    private const string Tools = """
        [{"type":"function","name":"look","parameters":{"type":"object","properties":{}},"strict":false},
         {"type":"function","name":"write","parameters":{"type":"object","properties":{}},"strict":false}]
        """;

    private readonly ManualTime _time = new();
    private ScriptedUpstream _upstream = null!;
    private ServerFixture _fixture = null!;

    internal abstract Dialect Dialect { get; }

    public async Task InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync();
        _fixture = new ServerFixture(ServerFixture.At(_upstream.Url), Dialect.Api, _time);
    }

    public async Task DisposeAsync()
    {
        _fixture.Dispose();
        await _upstream.DisposeAsync();
    }

    private UpstreamScript Stream(NeutralAnswer answer) =>
        UpstreamScript.Stream().Text(string.Concat(Dialect.Spell(answer)));

    private async Task<Transcript> AnsweredAsync(NeutralAnswer answer)
    {
        _upstream.Play(Stream(answer));
        return await AskedAsync();
    }

    private async Task<Transcript> AskedAsync() => Transcript.Of(await _fixture.AskAsync(Call()));

    /// <summary>A call as a conversation makes it: its items are rendered one after the other.</summary>
    private ModelCall Call()
    {
        var rendered = Dialect.Api.Render(new Item(Encoding.UTF8.GetBytes(User), "message", ItemRole.User), null);
        return new ModelCall
        {
            Model = "m",
            Parameters = new Parameters([new HeldValue(0, "tools", Encoding.UTF8.GetBytes(Tools), default)]),
            Context = new ContextView(null, [rendered.Bytes])
            {
                ItemCount = 1, Bytes = rendered.Bytes.Length, Tokens = rendered.Tokens, State = rendered.State,
            },
            NewItems = 1,
            Affinity = 1,
        };
    }

    [Fact]
    public async Task Request_OfATurn_AsksForAStreamWithItsModelItemsAndTools()
    {
        await AnsweredAsync(new NeutralAnswer(AnswerEnd.Stop, new AnswerPiece.Say("ok")));

        var call = await _upstream.ReceivedAsync();
        Assert.Equal(Dialect.Path, call.Path);
        Assert.Equal("m", (string?)call.Json["model"]);
        Assert.True((bool)call.Json["stream"]!);
        Assert.Equal([Question], Dialect.UserTexts(call.Json));
        Assert.Equal(["look", "write"], Dialect.Functions(call.Json));
    }

    [Fact]
    public async Task Text_InDeltas_IsOneMessageWithTheSameDeltas()
    {
        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Stop,
            new AnswerPiece.Say("Hel", "lo, ", "\"wörld\"\n", "\\ 😀", "\u0001")));

        Assert.Equal(["Message OutputText=Hello, \"wörld\"\n\\ 😀\u0001"], transcript.Items);
        Assert.Equal(["Hel", "lo, ", "\"wörld\"\n", "\\ 😀", "\u0001"], transcript.Deltas);
        Assert.Equal(ModelEventKind.Completed, transcript.End.Kind);
    }

    [Fact]
    public async Task Stream_CutIntoSmallPieces_IsReadTheSame()
    {
        var text = string.Concat(Dialect.Spell(new NeutralAnswer(AnswerEnd.Calls,
            new AnswerPiece.Say("naïve", " 😀"), new AnswerPiece.Call(new FunctionCall("c1", "look", "{", "}")))));
        var script = UpstreamScript.Stream();
        foreach (var piece in text.Chunk(11))
        {
            script.Text(new string(piece));
        }

        _upstream.Play(script);

        Assert.Equal(["Message OutputText=naïve 😀", "FunctionCall look c1 Arguments={}"], (await AskedAsync()).Items);
    }

    [Fact]
    public async Task Reasoning_BeforeAnAnswer_IsAnItemOfItsOwn()
    {
        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Stop,
            new AnswerPiece.Think("First ", "I think."), new AnswerPiece.Say("Then I say.")));

        Assert.Equal(["Reasoning ReasoningText=First I think.", "Message OutputText=Then I say."], transcript.Items);
    }

    [Fact]
    public async Task Call_WithArgumentsInManyChunks_IsWhole()
    {
        var arguments = new JsonObject { ["path"] = "/a b/\"c\"", ["text"] = new string('é', 200) }.ToJsonString();

        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Calls, new AnswerPiece.Call(
            new FunctionCall("call_1", "look", [.. arguments.Select(static letter => letter.ToString())]))));

        Assert.Equal([$"FunctionCall look call_1 Arguments={arguments}"], transcript.Items);
        Assert.Equal(ModelEventKind.Completed, transcript.End.Kind);
    }

    [Fact]
    public async Task Calls_MadeAtTheSameTime_AreItemsInTheirOrder()
    {
        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Calls,
            new AnswerPiece.Say("Both at once."),
            new AnswerPiece.Call(
                new FunctionCall("c1", "look", "{\"a\"", ":", "1}"),
                new FunctionCall("c2", "write", "{\"b\"", ":2}"),
                new FunctionCall("c3", "look", "{}"))));

        Assert.Equal(
        [
            "Message OutputText=Both at once.", "FunctionCall look c1 Arguments={\"a\":1}",
            "FunctionCall write c2 Arguments={\"b\":2}", "FunctionCall look c3 Arguments={}",
        ], transcript.Items);
    }

    [Fact]
    public async Task Refusal_OfTheModel_IsAPartOfItsMessage()
    {
        var transcript = await AnsweredAsync(
            new NeutralAnswer(AnswerEnd.Stop, new AnswerPiece.Refuse("I can", "not.")));

        Assert.Equal(["Message Refusal=I cannot."], transcript.Items);
        Assert.Equal(ModelEventKind.Completed, transcript.End.Kind);
    }

    [Fact]
    public async Task Usage_OfTheServer_ReachesTheLastEvent()
    {
        var usage = new Usage(1_000, 900, 50, 20);

        var told = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Stop, new AnswerPiece.Say("a")) { Usage = usage });
        var untold = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Stop, new AnswerPiece.Say("a")));

        Assert.Equal(usage, told.End.Usage);
        Assert.Null(untold.End.Usage);
    }
}
