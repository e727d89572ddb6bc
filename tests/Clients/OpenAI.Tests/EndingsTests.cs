using System.ClientModel;
using OpenAI.Responses;
using static Evergrain.Clients.Tests.Scripts;

namespace Evergrain.Clients.Tests;

/// <summary>
/// How turns end otherwise, as the official .NET client sees it: refused, cut, failed, in the background.
/// </summary>
public sealed class EndingsTests(BuiltServer server) : IClassFixture<BuiltServer>
{
    private const string Long = """{"say":"late","delay_ms":60000}""";

    private ResponsesClient Client => server.Client;

    [Fact]
    public async Task Create_WithUnknownParent_IsRefusedByCode()
    {
        var options = Create(ResponseItem.CreateUserMessageItem("On."));
        options.PreviousResponseId = "resp_0000000000000000000001_1";
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => Client.CreateResponseAsync(options));
        Assert.Equal(400, refused.Status);
        Assert.Contains("previous_response_not_found", refused.Message, StringComparison.Ordinal);
        Assert.Contains(options.PreviousResponseId, refused.Message, StringComparison.Ordinal);
        Assert.True(refused.GetRawResponse()!.Headers.TryGetValue("x-request-id", out _));
    }

    [Fact]
    public async Task Create_Streamed_IsRefusedBeforeItStreams()
    {
        var options = new CreateResponseOptions("no-such-model", [ResponseItem.CreateUserMessageItem("Hi")])
        {
            StreamingEnabled = true,
        };
        var refused = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            await foreach (var update in await Client.CreateResponseStreamingAsync(options))
            {
                Assert.Fail($"It streams: {update}");
            }
        });
        Assert.InRange(refused.Status, 400, 404);
        Assert.Contains("model_not_found", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Wrong_Is401()
    {
        var stranger = server.CreateClient("sk-wrong");
        var refused = await Assert.ThrowsAsync<ClientResultException>(() =>
            stranger.CreateResponseAsync(BuiltServer.Model, "Hello"));
        Assert.Equal(401, refused.Status);
    }

    [Fact]
    public async Task Turn_Cut_IsIncompleteWithAReason()
    {
        ResponseResult cut = await Client.CreateResponseAsync(Create(Play("""{"stop":"max_output_tokens"}""")));
        Assert.Equal(ResponseStatus.Incomplete, cut.Status);
        Assert.Equal(ResponseIncompleteStatusReason.MaxOutputTokens, cut.IncompleteStatusDetails.Reason);
    }

    [Fact]
    public async Task Turn_FailedWhileItStreams_EndsInAFailedUpdate()
    {
        var options = Create(Play("""{"fail":"server_error","after_events":4}"""));
        options.StreamingEnabled = true;
        StreamingResponseUpdate? last = null;
        await foreach (var update in await Client.CreateResponseStreamingAsync(options))
        {
            last = update;
        }

        var failed = Assert.IsType<StreamingResponseFailedUpdate>(last).Response;
        Assert.Equal(ResponseStatus.Failed, failed.Status);
        Assert.Equal(ResponseErrorCode.ServerError, failed.Error.Code);
    }

    [Fact]
    public async Task Background_Turn_IsPolledUntilItEnds()
    {
        var options = Create(Play("""{"say":"made meanwhile","delay_ms":100}"""));
        options.BackgroundModeEnabled = true;
        ResponseResult response = await Client.CreateResponseAsync(options);
        using var patience = new CancellationTokenSource(BuiltServer.Patience);
        while (response.Status is ResponseStatus.Queued or ResponseStatus.InProgress)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
            response = await Client.GetResponseAsync(response.Id, patience.Token);
        }

        Assert.Equal(ResponseStatus.Completed, response.Status);
        Assert.Equal("made meanwhile", response.GetOutputText());
        Assert.True(response.BackgroundModeEnabled);
    }

    [Fact]
    public async Task Background_Turn_IsCancelledAndStaysSo()
    {
        var options = Create(Play(Long));
        options.BackgroundModeEnabled = true;
        ResponseResult started = await Client.CreateResponseAsync(options);
        Assert.Contains(started.Status, new ResponseStatus?[] { ResponseStatus.Queued, ResponseStatus.InProgress });
        for (var time = 0; time < 2; time++)
        {
            ResponseResult cancelled = await Client.CancelResponseAsync(started.Id);
            Assert.Equal(ResponseStatus.Cancelled, cancelled.Status);
        }

        ResponseResult got = await Client.GetResponseAsync(started.Id);
        Assert.Equal(ResponseStatus.Cancelled, got.Status);
        Assert.Empty(got.OutputItems);
    }

    [Fact]
    public async Task Cancel_OfAnEndedTurn_ChangesNothing()
    {
        ResponseResult ended = await Client.CreateResponseAsync(Create(Play(Say("done"))));
        ResponseResult cancelled = await Client.CancelResponseAsync(ended.Id);
        Assert.Equal(ResponseStatus.Completed, cancelled.Status);
        Assert.Equal("done", cancelled.GetOutputText());
    }
}
