using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <summary>One connection of one tenant: what a frontend does for it, in words that tests read well with.</summary>
public sealed class ContractClient(ContractHost host, string tenant, ulong lease)
{
    private static readonly RandomIdSource Ids = new();

    public LeaseId Lease { get; } = new(lease);

    public static ConversationId NewConversation() => new(Ids.Next128());

    public static UInt128 NewRequest() => Ids.Next128();

    public ConversationKey Key(ConversationId id) => new(tenant, id);

    public TurnAddress Address(ResponseId id) => new(tenant, id, Lease);

    /// <summary>Starts a turn from a create's JSON.</summary>
    public async Task<ResponseId> CreateAsync(string json, ConversationId conversation, UInt128? request = null,
        bool isBackground = false, bool isCancelled = false) =>
        await host.Turns.StartTurnAsync(new StartTurn
        {
            Key = Key(conversation),
            RequestId = request ?? NewRequest(),
            Lease = Lease,
            Create = Encoding.UTF8.GetBytes(json),
            IsBackground = isBackground,
            IsCancelled = isCancelled,
        }, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    /// <summary>Starts a turn of one user message.</summary>
    public Task<ResponseId> SayAsync(string text, ResponseId? previous = null, string model = "gated",
        bool store = true) => CreateAsync(
            Json(JsonSerializer.Serialize(text), previous, model, store), previous?.Conversation ?? NewConversation());

    /// <summary>Runs a turn of one user message to its end.</summary>
    public async Task<ResponseId> TellAsync(string text, ResponseId? previous = null, bool store = true)
    {
        var id = await SayAsync(text, previous, "echo", store);
        await ReadAsync(id);
        return id;
    }

    /// <summary>Starts a turn that refers to items of any conversation, in a new one.</summary>
    public Task<ResponseId> ReferAsync(bool store, params string[] items) => CreateAsync(
        Json("[" + string.Join(',', items.Select(id => $$"""{"type":"item_reference","id":"{{id}}"}""")) +
            """,{"role":"user","content":"go on"}]""", model: "echo", store: store), NewConversation());

    /// <summary>The id of a response's first output item.</summary>
    public async Task<string> OutputIdAsync(ResponseId id) =>
        (await GetAsync(id)).GetProperty("output")[0].GetProperty("id").GetString()!;

    /// <summary>Starts a turn of one call output.</summary>
    public Task<ResponseId> ReplyAsync(ResponseId previous, params (string CallId, string Output)[] outputs) =>
        CreateAsync(Json("[" + string.Join(',', outputs.Select(output =>
            $$"""{"type":"function_call_output","call_id":"{{output.CallId}}","output":"{{output.Output}}"}""")) + "]",
            previous), previous.Conversation);

    public static string Json(string input, ResponseId? previous = null, string model = "gated", bool store = true)
    {
        var parent = previous is null ? "null" : $"\"{previous}\"";
        return $$"""
            {"type":"response.create","model":"{{model}}","store":{{(store ? "true" : "false")}},
             "previous_response_id":{{parent}},"input":{{input}}}
            """;
    }

    /// <summary>Reads to the terminal event.</summary>
    public async Task<List<string>> ReadAsync(ResponseId id, int from = 0)
    {
        await using var reader = Open(id, from);
        return await reader.ReadToEndAsync();
    }

    public EventReader Open(ResponseId id, int from = 0) => new(host.Turns, Address(id), from);

    public async Task<string> GetTextAsync(ResponseId id)
    {
        var json = await host.Conversations.GetAsync(Address(id), CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience);
        return Encoding.UTF8.GetString(json.Span);
    }

    /// <summary>The response object inside a terminal event, as it came.</summary>
    public static string ResponseIn(string terminal) => Parse(terminal).GetProperty("response").GetRawText();

    public async Task<JsonElement> GetAsync(ResponseId id) => Parse(await GetTextAsync(id));

    public async Task<string> DigestAsync(ResponseId id) =>
        (await GetAsync(id)).GetProperty("evergrain").GetProperty("digest").GetString()!;

    public async Task<JsonElement> ListItemsAsync(ResponseId id, ItemPage page) => Parse(Encoding.UTF8.GetString(
        (await host.Conversations.ListInputItemsAsync(Address(id), page, CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience)).Span));

    public Task CancelAsync(ResponseId id) =>
        host.Conversations.CancelAsync(Address(id), CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    public Task DeleteAsync(ResponseId id) =>
        host.Turns.DeleteAsync(Address(id), CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    public Task HoldAsync(ConversationId id) =>
        host.Conversations.HoldAsync(Key(id), Lease, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    public Task ReleaseAsync(ConversationId id) =>
        host.Conversations.ReleaseAsync(Key(id), Lease, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    public async Task<IReadOnlyList<ConversationId>> ListAsync(ConversationId? after = null, int limit = 100) =>
        await host.Conversations.ListAsync(tenant, after, limit, CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience);

    /// <summary>What is refused, and why.</summary>
    public static async Task<Refusal> RefusedAsync(Func<Task> ask) =>
        (await Assert.ThrowsAsync<ConversationException>(ask)).Refusal;

    public static string TypeOf(string json) => Parse(json).GetProperty("type").GetString()!;

    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}

/// <summary>A reader of one response, event by event. It checks what every reader may rely on.</summary>
public sealed class EventReader : IAsyncDisposable
{
    private readonly CancellationTokenSource _patience = new(Waits.Patience);
    private readonly IAsyncEnumerator<EventBatch> _batches;
    private readonly Queue<string> _events = new();
    private int _next;
    private bool _isLast;

    public EventReader(ITurns turns, TurnAddress turn, int from)
    {
        _next = from;
        _batches = turns.ReadEventsAsync(turn, from, _patience.Token).GetAsyncEnumerator(_patience.Token);
    }

    /// <summary>The next event; null after the terminal one.</summary>
    public async Task<string?> NextAsync()
    {
        while (_events.Count == 0)
        {
            if (!await _batches.MoveNextAsync())
            {
                return null;
            }

            Take(_batches.Current);
        }

        return _events.Dequeue();
    }

    /// <summary>All events up to and with the first of a type.</summary>
    public async Task<List<string>> ReadUntilAsync(string type)
    {
        var events = new List<string>();
        while (await NextAsync() is { } json)
        {
            events.Add(json);
            if (ContractClient.TypeOf(json) == type)
            {
                return events;
            }
        }

        throw new InvalidOperationException($"the response ended without {type}: {events.LastOrDefault()}");
    }

    public async Task<List<string>> ReadToEndAsync()
    {
        var events = new List<string>();
        while (await NextAsync() is { } json)
        {
            events.Add(json);
        }

        return events;
    }

    public async ValueTask DisposeAsync()
    {
        await _batches.DisposeAsync();
        _patience.Dispose();
    }

    private void Take(EventBatch batch)
    {
        Assert.False(_isLast, "a batch follows the last one");
        Assert.Equal(_next, batch.From);
        Assert.True(batch.Events.Count > 0 || batch.IsLast, "a batch without events is not the last one");
        foreach (var json in batch.Events)
        {
            var text = Encoding.UTF8.GetString(json.Span);
            Assert.Equal(_next++, ContractClient.Parse(text).GetProperty("sequence_number").GetInt32());
            _events.Enqueue(text);
        }

        _isLast = batch.IsLast;
    }
}
