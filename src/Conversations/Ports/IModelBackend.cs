using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// One kind of model server: how its context looks in bytes, and how one call to it streams.
/// </summary>
/// <remarks>
/// <see cref="Render"/> is pure and synchronous: the same item after the same state gives the same bytes, on every
/// node, and each item of a branch is rendered once. <see cref="StreamAsync"/> may run on any thread.
/// </remarks>
public interface IModelBackend
{
    /// <summary>
    /// The name of its rendering (<c>demo</c>, <c>chat</c>, <c>responses</c>): segments hold bytes per name.
    /// </summary>
    string Rendering { get; }

    /// <summary>Its server's name: that server alone gets back what <see cref="ItemOrigin"/> keeps.</summary>
    string Origin => Rendering;

    /// <summary>The backend as it is now. A turn keeps to one, and a later turn may get another.</summary>
    IModelBackend Now => this;

    /// <summary>The model names it answers to, as <c>GET /v1/models</c> lists them.</summary>
    IReadOnlyList<string> Models { get; }

    /// <summary>The patterns of names that it answers to as well; <c>*</c> stands for any text.</summary>
    IReadOnlyList<string> Patterns => [];

    /// <summary>Whether it answers to this model name.</summary>
    bool Serves(string model);

    /// <summary>How many calls its servers take at a time, all together; admission keeps to it.</summary>
    int CallsMax => int.MaxValue;

    /// <summary>
    /// Whether its servers can be given a call that has no output yet, or several: a call of an async tool. False: a
    /// create with such a tool or such a call is refused.
    /// </summary>
    bool TakesOpenCalls => false;

    /// <summary>
    /// What of a create's field would have no effect at its servers, as the path that a refusal names; null: nothing.
    /// </summary>
    /// <param name="field">The field.</param>
    /// <param name="json">Its value.</param>
    string? Refuse(string field, ReadOnlyMemory<byte> json) => null;

    /// <summary>Renders one item.</summary>
    /// <param name="item">The item: its type, role and exact JSON.</param>
    /// <param name="state">
    /// What the item before it left as <see cref="Rendered.State"/>; null at the root. States are immutable: a fork
    /// reads the same one.
    /// </param>
    Rendered Render(Item item, object? state);

    /// <summary>
    /// How the states of its rendering move to another process; null: they do not, and what was rendered is rendered
    /// again there.
    /// </summary>
    IStateCodec? States => null;

    /// <summary>Streams one model call.</summary>
    /// <remarks>
    /// The last event is <see cref="ModelEventKind.Completed"/>, <see cref="ModelEventKind.Incomplete"/> or
    /// <see cref="ModelEventKind.Failed"/>; a stream that ends without one, or throws, counts as failed.
    /// Cancelling must end the call at the server promptly.
    /// </remarks>
    IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken);
}

/// <summary>What one item became for a model server.</summary>
/// <param name="Bytes">Its bytes in the request body; may be the item's own JSON, never written again.</param>
/// <param name="Tokens">Its token count, exact or estimated.</param>
/// <param name="State">What the next item's rendering needs to know; null if nothing.</param>
public readonly record struct Rendered(ReadOnlyMemory<byte> Bytes, int Tokens, object? State);

/// <summary>One call to a model: all of it is immutable and stays valid while the call lasts.</summary>
public sealed class ModelCall
{
    /// <summary>The model's name as the client wrote it.</summary>
    public required string Model { get; init; }

    /// <summary>The create's parameters: <c>tools</c>, <c>instructions</c>, … as exact JSON.</summary>
    public required Parameters Parameters { get; init; }

    /// <summary>The whole context, new items included, as rendered bytes and the state behind the last item.</summary>
    public required ContextView Context { get; init; }

    /// <summary>How many items at the end of the context are this turn's own.</summary>
    public required int NewItems { get; init; }

    /// <summary>
    /// Tokens of the context before those items, as the backend counted them; 0 if nothing was before.
    /// </summary>
    public long TokensBefore { get; init; }

    /// <summary>Names the conversation for affinity among several servers of one model.</summary>
    public required UInt128 Affinity { get; init; }

    /// <summary>The response that it makes.</summary>
    public ResponseId Response { get; init; }

    /// <summary>The trace that its turn belongs to.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>
    /// The turn's own items: its input, then its output as far as it is made. Null: the turn is not stored.
    /// </summary>
    internal IReadOnlyList<PreparedItem>? StoredItems { get; init; }
}
