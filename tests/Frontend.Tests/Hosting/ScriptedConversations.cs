using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// Conversations whose every step a test can hold, refuse or break; for faults that a real host does not produce on
/// demand. Of the demo model's scripts it knows <c>[{"say":…,"delay_ms":…}]</c>.
/// </summary>
public sealed class ScriptedConversations : ConversationsHost, ITurns, IConversations
{
    private readonly ConcurrentDictionary<ResponseId, Turn> _turns = new();

    public override ITurns Turns => this;

    public override IConversations Conversations => this;

    public override IReadOnlyList<IModelBackend> Backends { get; } = [new NamedBackend()];

    /// <summary>The frontend's clock, if a test moves it.</summary>
    public ManualTime? Time { get; init; }

    public override TimeProvider Clock => Time ?? base.Clock;

    /// <summary>Called before each start; may throw.</summary>
    public Func<StartTurn, ValueTask> OnStart { get; set; } = static _ => ValueTask.CompletedTask;

    /// <summary>Called before each reading; may throw.</summary>
    public Func<TurnAddress, ValueTask> OnRead { get; set; } = static _ => ValueTask.CompletedTask;

    /// <summary>Called before the last events of a reading; may throw.</summary>
    public Func<TurnAddress, ValueTask> OnEnd { get; set; } = static _ => ValueTask.CompletedTask;

    /// <summary>Answers each look at what runs: nothing does.</summary>
    public Func<ValueTask<ReadOnlyMemory<byte>>> OnLive { get; set; } =
        static () => new("""{"data":[],"now_ms":0}"""u8.ToArray());

    /// <summary>Called before each cancel; may throw.</summary>
    public Action OnCancel { get; set; } = static () => { };

    /// <summary>Every call as <c>verb conversation</c>, in order.</summary>
    public ConcurrentQueue<(string Verb, ConversationKey Key, UInt128 RequestId, LeaseId Lease)> Calls { get; } = new();

    /// <summary>Released once per call of the verb.</summary>
    public ConcurrentDictionary<string, SemaphoreSlim> Heard { get; } = new(StringComparer.Ordinal);

    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        Note("start", start.Key, start.Lease, start.RequestId);
        await OnStart(start);
        using var create = JsonDocument.Parse(start.Create);
        CheckParent(create.RootElement, start);
        var step = ReadScript(create.RootElement);
        var isStored = !create.RootElement.TryGetProperty("store", out var store) || store.GetBoolean();
        var number = _turns.Keys.Count(id => id.Conversation == start.Key.Id) + 1;
        var turnId = isStored ? TurnId.Stored(number) : TurnId.Unstored(start.RequestId);
        var response = new ResponseId(start.Key.Id, turnId);
        _turns[response] = new Turn(start.Key.Tenant, isStored ? default : start.Lease, step);
        return response;
    }

    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Note("read", turn.Key, turn.Lease);
        await OnRead(turn);
        var found = Find(turn);
        if (from == 0)
        {
            yield return new EventBatch(0, [Event("response.created", 0, turn, "in_progress")], false);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, found.Cancelled.Token);
        var isCut = false;
        try
        {
            await Task.Delay(found.Step.Delay, TimeProvider.System, stop.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            isCut = true;
        }

        await OnEnd(turn).AsTask().WaitAsync(cancellationToken);
        found.Status = isCut ? "cancelled" : "completed";
        var delta = JsonSerializer.SerializeToUtf8Bytes(
            new { type = "response.output_text.delta", sequence_number = 1, delta = found.Step.Text });
        var last = Event(isCut ? "response.incomplete" : "response.completed", 2, turn, found.Status);
        if (from < 3)
        {
            yield return new EventBatch(Math.Max(from, 1), from < 2 ? [delta, last] : [last], true);
        }
    }

    public async ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        // A cancel is heard when it has been done: a test goes on then, and its turn may end at once.
        Calls.Enqueue(("cancel", turn.Key, default, turn.Lease));
        try
        {
            OnCancel();
            await Find(turn).Cancelled.CancelAsync();
        }
        finally
        {
            Semaphore("cancel").Release();
        }
    }

    public ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        var status = Find(turn).Status;
        return new(JsonSerializer.SerializeToUtf8Bytes(ResponseOf(turn, status)));
    }

    public ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken)
    {
        Find(turn);
        return new(Encoding.UTF8.GetBytes($$"""{"type":"message","index":{{index}}}"""));
    }

    public ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken)
    {
        Find(turn);
        var order = page.Ascending ? "asc" : "desc";
        return new(Encoding.UTF8.GetBytes(
            $$"""{"object":"list","data":[],"page":"{{page.Limit}} {{order}} {{page.After}}","has_more":false}"""));
    }

    public ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(ConversationKey key, long since,
        CancellationToken cancellationToken)
    {
        Note("live", key, default);
        return OnLive();
    }

    public ValueTask<ReadOnlyMemory<byte>> GetContextAsync(ConversationKey key, TurnId turn, int rendered,
        CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        Find(turn);
        _turns.TryRemove(turn.Response, out _);
        return ValueTask.CompletedTask;
    }

    public ValueTask EraseAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        Note("erase", key, default);
        return ValueTask.CompletedTask;
    }

    public ValueTask<ResponsePage> ListResponsesAsync(ResponseQuery query, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken)
    {
        Note("hold", key, lease);
        return ValueTask.CompletedTask;
    }

    public ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken)
    {
        Note("release", key, lease);
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => new(Array.Empty<ConversationId>());

    public async Task HearAsync(string verb) =>
        Assert.True(await Semaphore(verb).WaitAsync(TestServer.Patience), $"'{verb}' was not called");

    private static (string Text, TimeSpan Delay) ReadScript(JsonElement create)
    {
        if (!create.TryGetProperty("model", out var model) || model.GetString() != "demo")
        {
            throw ConversationException.Of(RefusalKind.ModelNotFound, "No such model.", "model");
        }

        var text = create.GetProperty("input")[0].GetProperty("content").GetString()!;
        using var script = JsonDocument.Parse(text[(text.IndexOf("@@script ", StringComparison.Ordinal) + 9)..]);
        var step = script.RootElement[0];
        var delay = step.TryGetProperty("delay_ms", out var ms) ? ms.GetInt32() : 0;
        return (step.GetProperty("say").GetString()!, TimeSpan.FromMilliseconds(delay));
    }

    private static byte[] Event(string type, int number, TurnAddress turn, string status) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new { type, sequence_number = number, response = ResponseOf(turn, status) });

    private static object ResponseOf(TurnAddress turn, string status) =>
        new { id = turn.Response.ToString(), @object = "response", status };

    private void CheckParent(JsonElement create, StartTurn start)
    {
        if (create.TryGetProperty("previous_response_id", out var parent) && parent.GetString() is { } text &&
            !(ResponseId.TryParse(text, out var id) && _turns.TryGetValue(id, out var turn) &&
            turn.IsVisible(start.Key.Tenant, start.Lease)))
        {
            throw ConversationException.Of(RefusalKind.PreviousResponseNotFound, "Not found.", "previous_response_id");
        }
    }

    private Turn Find(TurnAddress turn) =>
        _turns.TryGetValue(turn.Response, out var found) && found.IsVisible(turn.Tenant, turn.Lease)
            ? found
            : throw ConversationException.Of(RefusalKind.NotFound, $"Response {turn.Response} not found.");

    private void Note(string verb, ConversationKey key, LeaseId lease, UInt128 requestId = default)
    {
        Calls.Enqueue((verb, key, requestId, lease));
        Semaphore(verb).Release();
    }

    private SemaphoreSlim Semaphore(string verb) => Heard.GetOrAdd(verb, static _ => new SemaphoreSlim(0));

    private sealed record Turn(string Tenant, LeaseId Lease, (string Text, TimeSpan Delay) Step)
    {
        public CancellationTokenSource Cancelled { get; } = new();

        public string Status { get; set; } = "in_progress";

        public bool IsVisible(string tenant, LeaseId lease) => Tenant == tenant && (Lease == default || Lease == lease);
    }

    private sealed class NamedBackend : IModelBackend
    {
        public string Rendering => "none";

        public IReadOnlyList<string> Models { get; } = ["demo", "demo-2"];

        public bool Serves(string model) => Models.Contains(model, StringComparer.Ordinal);

        public Rendered Render(Evergrain.Conversations.Context.Item item, object? state) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
