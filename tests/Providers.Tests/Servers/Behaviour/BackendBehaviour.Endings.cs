using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <content>Answers that end otherwise than they should.</content>
public abstract partial class BackendBehaviour
{
    private static readonly NeutralAnswer Begun = new(AnswerEnd.Open, new AnswerPiece.Say("Half an", " answer"));

    [Fact]
    public async Task Text_CutAtItsLength_IsIncompleteAndKept()
    {
        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Length, new AnswerPiece.Say("cut he"))
        {
            Usage = new Usage(10, 0, 2, 0),
        });

        Assert.Equal(["Message OutputText=cut he"], transcript.Items);
        Assert.Equal((ModelEventKind.Incomplete, "max_output_tokens"), (transcript.End.Kind, transcript.End.Code));
        Assert.Equal(2, transcript.End.Usage!.OutputTokens);
        Assert.Equal(1, _fixture.Count("evergrain.calls.ended", "test incomplete"));
    }

    [Fact]
    public async Task Text_CutByAFilter_IsIncompleteAndKept()
    {
        var transcript = await AnsweredAsync(new NeutralAnswer(AnswerEnd.Filter, new AnswerPiece.Say("cut he")));

        Assert.Equal(["Message OutputText=cut he"], transcript.Items);
        Assert.Equal((ModelEventKind.Incomplete, "content_filter"), (transcript.End.Kind, transcript.End.Code));
    }

    [Theory]
    [InlineData("rate_limit_exceeded")]
    [InlineData("context_length_exceeded")]
    public async Task Failure_WithinTheStream_KeepsItsCodeAndWords(string code)
    {
        _upstream.Play(UpstreamScript.Stream()
            .Text(string.Concat(Dialect.Spell(Begun)) + Dialect.Fail(code, "Not today.")).Stall());

        var transcript = await WithRestAsync(AskedAsync);

        Assert.Equal(["Message OutputText=Half an answer"], transcript.Items);
        Assert.Equal((ModelEventKind.Failed, code), (transcript.End.Kind, transcript.End.Code));
        Assert.Contains("Not today.", transcript.End.Message, StringComparison.Ordinal);
        Assert.Equal(1, _fixture.Count("evergrain.calls.ended", "test failed"));
    }

    [Fact]
    public async Task Connection_ThatBreaksWithinTheAnswer_FailsOnceAndIsNotTriedAgain()
    {
        var gate = new Gate();
        _upstream.Play(Stream(Begun).Wait(gate).Abort());

        var events = new List<ModelEvent>();
        await foreach (var modelEvent in _fixture.Backend.StreamAsync(Call(), CancellationToken.None))
        {
            events.Add(modelEvent);
            gate.Open();
        }

        AssertFailed(Transcript.Of(events), "Half an answer", "broke");
        Assert.Single(_upstream.Calls);
    }

    [Fact]
    public async Task Stream_ThatEndsWithinTheAnswer_FailsOnce()
    {
        _upstream.Play(Stream(Begun));

        AssertFailed(await AskedAsync(), "Half an answer", "ended before it was complete");
    }

    [Fact]
    public async Task Server_ThatFallsSilentWithinTheAnswer_FailsAtTheIdleTimeout()
    {
        _upstream.Play(Stream(Begun).Stall());
        var armed = _time.ArmedAsync(_fixture.Options.IdleTimeout);

        var asking = AskedAsync();
        await armed;
        _time.Advance(_fixture.Options.IdleTimeout);

        AssertFailed(await asking, "Half an answer", "silent for 60 s");
        await (await _upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Theory]
    [InlineData("{\"type\":")]
    [InlineData("[1]")]
    [InlineData("nothing")]
    public async Task Event_ThatIsMalformed_FailsOnce(string data)
    {
        _upstream.Play(Stream(Begun).Events(data).Stall());

        AssertFailed(await AskedAsync(), "Half an answer", "cannot be read");
        await (await _upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task RateLimit_OfTheServer_SaysWhenToTryAgain()
    {
        _upstream.Play(new UpstreamScript().Status(429).Header("Retry-After", "7")
            .Text("""{"error":{"message":"Slow down","type":"rate_limit","code":null}}"""));

        var transcript = await AskedAsync();

        Assert.Empty(transcript.Items);
        Assert.Equal((ModelEventKind.Failed, "rate_limit_exceeded"), (transcript.End.Kind, transcript.End.Code));
        Assert.Equal("The model server takes no more requests for now: Slow down. Please try again in 7s.",
            transcript.End.Message);
    }

    [Fact]
    public async Task Server_ThatFails_IsAServerError()
    {
        _upstream.Play(UpstreamScript.Answer(500, """{"error":{"message":"Out of memory","type":"server_error"}}"""));

        var transcript = await AskedAsync();

        Assert.Empty(transcript.Items);
        Assert.Equal((ModelEventKind.Failed, "server_error"), (transcript.End.Kind, transcript.End.Code));
        Assert.Contains("Out of memory", transcript.End.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_OfASlowAnswer_IsSeenByTheServer()
    {
        _upstream.Play(Stream(Begun).Stall());
        using var cancel = new CancellationTokenSource();

        var reading = Task.Run(async () =>
        {
            await foreach (var modelEvent in _fixture.Backend.StreamAsync(Call(), cancel.Token))
            {
                if (modelEvent.Kind == ModelEventKind.Delta)
                {
                    await cancel.CancelAsync();
                }
            }
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Waits.Patience));
        await (await _upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
        Assert.Equal(1, _fixture.Count("evergrain.calls.ended", "test cancelled"));
    }

    private static void AssertFailed(Transcript transcript, string text, string words)
    {
        Assert.Equal([$"Message OutputText={text}"], transcript.Items);
        Assert.Equal((ModelEventKind.Failed, "server_error"), (transcript.End.Kind, transcript.End.Code));
        Assert.Contains(words, transcript.End.Message, StringComparison.Ordinal);
    }

    /// <summary>Lets the time pass that a call waits for the end behind its last event.</summary>
    private async Task<Transcript> WithRestAsync(Func<Task<Transcript>> ask)
    {
        var armed = _time.ArmedAsync(TimeSpan.FromSeconds(1));
        var asking = ask();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(1));
        return await asking;
    }
}
