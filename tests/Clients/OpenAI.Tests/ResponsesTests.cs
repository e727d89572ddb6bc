using System.ClientModel;
using OpenAI.Responses;
using static Evergrain.Clients.Tests.Scripts;

namespace Evergrain.Clients.Tests;

/// <summary>Turns, chains and loops through the official .NET client.</summary>
public sealed class ResponsesTests(BuiltServer server) : IClassFixture<BuiltServer>
{
    private ResponsesClient Client => server.Client;

    [Fact]
    public async Task Create_Text_IsReadWhole()
    {
        var options = Create(Play(Say("Hello there.")));
        options.Instructions = "Be brief.";
        options.Temperature = 0.5f;
        options.MaxOutputTokenCount = 64;
        options.Metadata["project"] = "evergrain";
        ResponseResult response = await Client.CreateResponseAsync(options);
        Assert.Equal("Hello there.", response.GetOutputText());
        Assert.Equal(ResponseStatus.Completed, response.Status);
        Assert.StartsWith("resp_", response.Id, StringComparison.Ordinal);
        Assert.Equal(BuiltServer.Model, response.Model);
        Assert.Null(response.Error);
        Assert.Equal(response.Usage.InputTokenCount + response.Usage.OutputTokenCount, response.Usage.TotalTokenCount);
        Assert.Equal(0.5f, response.Temperature);
        Assert.Equal(64, response.MaxOutputTokenCount);
        Assert.Equal("evergrain", response.Metadata["project"]);
        var message = Assert.IsAssignableFrom<MessageResponseItem>(Assert.Single(response.OutputItems));
        Assert.Equal(MessageRole.Assistant, message.Role);
        Assert.Equal(MessageStatus.Completed, message.Status);
    }

    [Fact]
    public async Task Create_Streamed_BringsEachEventInOrder()
    {
        const string Text = "A text of several deltas, which the reader puts together again.";
        var updates = await CollectAsync(Create(Play($$"""{"think":"Hm.","then":{{Say(Text)}}}""")));
        Assert.Equal(Enumerable.Range(0, updates.Count), updates.Select(update => update.SequenceNumber));
        Assert.IsType<StreamingResponseCreatedUpdate>(updates[0]);
        Assert.IsType<StreamingResponseInProgressUpdate>(updates[1]);
        var deltas = updates.OfType<StreamingResponseOutputTextDeltaUpdate>().ToList();
        Assert.True(deltas.Count > 1);
        Assert.Equal(Text, string.Concat(deltas.Select(update => update.Delta)));
        var items = updates.OfType<StreamingResponseOutputItemDoneUpdate>().Select(update => update.Item).ToList();
        Assert.Equal("Hm.", Assert.IsType<ReasoningResponseItem>(items[0]).GetSummaryText());
        var last = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.Equal(Text, last.GetOutputText());
        Assert.Equal(items.Select(item => item.Id), last.OutputItems.Select(item => item.Id));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Loop_ByPreviousResponseId_RunsToItsEnd(bool streamed)
    {
        var parallel = $$"""{"parallel":[{{Look("b")}},{{Look("c")}}]}""";
        ResponseItem[] input = [Play(Look("a"), parallel, Say("all done"))];
        List<string> asked = [];
        ResponseResult? last = null;
        while (input.Length > 0)
        {
            var options = Create(input);
            options.Tools.Add(Lookup);
            options.PreviousResponseId = last?.Id;
            last = streamed
                ? ((StreamingResponseCompletedUpdate)(await CollectAsync(options))[^1]).Response
                : await Client.CreateResponseAsync(options);
            Assert.Equal(options.PreviousResponseId, last.PreviousResponseId);
            asked.AddRange(last.OutputItems.OfType<FunctionCallResponseItem>()
                .Select(call => $"{call.FunctionName} {call.FunctionArguments}"));
            input = AnswersTo(last);
        }

        Assert.Equal("all done", last!.GetOutputText());
        Assert.Equal(["""lookup {"key":"a"}""", """lookup {"key":"b"}""", """lookup {"key":"c"}"""], asked);
    }

    [Fact]
    public async Task Loop_Unstored_RunsOnHistorySentBack()
    {
        List<ResponseItem> history = [Play($$"""{"think":"Hm.","then":{{Look("a")}}}""", Say("found"))];
        ResponseResult? last = null;
        for (var turn = 0; turn < 2; turn++)
        {
            var options = Create([.. history]);
            options.Tools.Add(Lookup);
            options.StoredOutputEnabled = false;
            last = await Client.CreateResponseAsync(options);
            history.AddRange(last.OutputItems);
            history.AddRange(AnswersTo(last));
        }

        Assert.Equal("found", last!.GetOutputText());
        await AssertRefusedAsync(404, () => Client.GetResponseAsync(last.Id));
    }

    [Fact]
    public async Task Item_OfAnotherConversation_IsFoundByReference()
    {
        ResponseResult first = await Client.CreateResponseAsync(Create(Play(Say("one"), Say("two"))));
        var input = await InputItemsAsync(first.Id);
        Assert.Single(input);
        ResponseResult next = await Client.CreateResponseAsync(Create(
            Play(Say("one"), Say("two")),
            ResponseItem.CreateReferenceItem(first.OutputItems[0].Id),
            ResponseItem.CreateUserMessageItem("On.")));
        Assert.Equal("two", next.GetOutputText());
        var items = await InputItemsAsync(next.Id);
        Assert.Equal("one", Assert.IsAssignableFrom<MessageResponseItem>(items[1]).Content[0].Text);
    }

    [Fact]
    public async Task Get_StoredResponse_IsTheSameWholeAndStreamed()
    {
        ResponseResult created = await Client.CreateResponseAsync(Create(Play(Say("kept"))));
        ResponseResult got = await Client.GetResponseAsync(created.Id);
        Assert.Equal(created.Id, got.Id);
        Assert.Equal("kept", got.GetOutputText());
        Assert.Equal(created.CreatedAt, got.CreatedAt);
        var options = new GetResponseOptions(created.Id) { StreamingEnabled = true, StartingAfter = 2 };
        List<StreamingResponseUpdate> updates = [];
        await foreach (var update in await Client.GetResponseStreamingAsync(options))
        {
            updates.Add(update);
        }

        Assert.Equal(3, updates[0].SequenceNumber);
        Assert.Equal("kept", Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response.GetOutputText());
    }

    [Fact]
    public async Task Delete_Response_IsGone()
    {
        ResponseResult created = await Client.CreateResponseAsync(Create(Play(Say("gone"))));
        ResponseDeletionResult deleted = await Client.DeleteResponseAsync(created.Id);
        Assert.True(deleted.Deleted);
        Assert.Equal(created.Id, deleted.ResponseId);
        await AssertRefusedAsync(404, () => Client.GetResponseAsync(created.Id));
        await AssertRefusedAsync(404, () => Client.DeleteResponseAsync(created.Id));
    }

    [Fact]
    public async Task InputItems_InPages_ComeOnceEachInOrder()
    {
        ResponseResult last = await Client.CreateResponseAsync(Create(Play(Say("one"), Say("two"), Say("three"))));
        for (var turn = 0; turn < 2; turn++)
        {
            var next = Create(ResponseItem.CreateUserMessageItem($"turn {turn}"));
            next.PreviousResponseId = last.Id;
            last = await Client.CreateResponseAsync(next);
        }

        var items = await InputItemsAsync(last.Id);
        Assert.Equal(5, items.Select(item => item.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(["one", "two"], items.OfType<MessageResponseItem>()
            .Where(message => message.Role == MessageRole.Assistant).Select(message => message.Content[0].Text));
    }

    [Fact]
    public async Task Format_JsonSchema_IsEchoed()
    {
        var schema = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""";
        var options = Create(Play(Say("""{"city":"Ulm"}""")));
        options.TextOptions = new ResponseTextOptions
        {
            TextFormat = ResponseTextFormat.CreateJsonSchemaFormat("place", BinaryData.FromString(schema)),
        };
        ResponseResult response = await Client.CreateResponseAsync(options);
        Assert.Equal("""{"city":"Ulm"}""", response.GetOutputText());
        Assert.Equal(ResponseTextFormatKind.JsonSchema, response.TextOptions.TextFormat.Kind);
    }

    private static async Task AssertRefusedAsync(int status, Func<Task> call) =>
        Assert.Equal(status, (await Assert.ThrowsAsync<ClientResultException>(call)).Status);

    private async Task<List<StreamingResponseUpdate>> CollectAsync(CreateResponseOptions options)
    {
        options.StreamingEnabled = true;
        List<StreamingResponseUpdate> updates = [];
        await foreach (var update in await Client.CreateResponseStreamingAsync(options))
        {
            updates.Add(update);
        }

        return updates;
    }

    private async Task<List<ResponseItem>> InputItemsAsync(string responseId)
    {
        var pages = new ResponseItemCollectionOptions(responseId)
        {
            Order = ResponseItemCollectionOrder.Ascending, PageSizeLimit = 2,
        };
        List<ResponseItem> items = [];
        await foreach (var item in Client.GetResponseInputItemsAsync(pages))
        {
            items.Add(item);
        }

        return items;
    }
}
