using Orleans;

namespace Evergrain.Conversations.Timing;

/// <summary>
/// Where the time of one turn went, what it read and what it made. The conversation's process fills in what it knows,
/// the process of the connection the rest; the event, the metrics, the span and the log all read this.
/// </summary>
/// <remarks>Times are durations, each measured by one process: no clock of another machine is compared.</remarks>
public sealed record TurnTiming
{
    /// <summary>See <see cref="TurnPhase.Transport"/>.</summary>
    public TimeSpan Transport { get; init; }

    /// <summary>See <see cref="TurnPhase.Queue"/>.</summary>
    public TimeSpan Queue { get; init; }

    /// <summary>See <see cref="TurnPhase.Check"/>.</summary>
    public TimeSpan Check { get; init; }

    /// <summary>See <see cref="TurnPhase.Context"/>.</summary>
    public TimeSpan Context { get; init; }

    /// <summary>See <see cref="TurnPhase.ModelWait"/>.</summary>
    public TimeSpan ModelWait { get; init; }

    /// <summary>See <see cref="TurnPhase.ModelStream"/>.</summary>
    public TimeSpan ModelStream { get; init; }

    /// <summary>See <see cref="TurnPhase.Persist"/>.</summary>
    public TimeSpan Persist { get; init; }

    /// <summary>See <see cref="TurnPhase.Deliver"/>.</summary>
    public TimeSpan Deliver { get; init; }

    /// <summary>Time in which the model streamed while the turn waited for the journal.</summary>
    public TimeSpan HiddenModelStream { get; init; }

    /// <summary>Time in which the journal wrote while the turn waited for the model.</summary>
    public TimeSpan HiddenPersist { get; init; }

    /// <summary>Time in which the client took events while the turn waited for something else.</summary>
    public TimeSpan HiddenDeliver { get; init; }

    /// <summary>Items of the context that the model was called with.</summary>
    public int ItemsHeld { get; init; }

    /// <summary>Those of them that came with this turn.</summary>
    public int ItemsNew { get; init; }

    /// <summary>Items that were rendered for the model server for this turn.</summary>
    public int ItemsRendered { get; init; }

    /// <summary>Where the rest of the context came from.</summary>
    public ContextSource Source { get; init; }

    /// <summary>How long tools took whose outputs came with this turn; the time lies before the turn.</summary>
    public ToolWait[] Tools { get; init; } = [];

    /// <summary>Bytes of the create.</summary>
    public long BytesIn { get; init; }

    /// <summary>Bytes of the events that were delivered.</summary>
    public long BytesOut { get; init; }

    /// <summary>The model's name as the client wrote it; empty: it was not called.</summary>
    public string Model { get; init; } = string.Empty;

    /// <summary>How the turn ended: <c>completed</c>, <c>incomplete</c>, <c>cancelled</c> or <c>failed</c>.</summary>
    public string Outcome { get; init; } = string.Empty;

    /// <summary>The code of a failure, or the reason of an incomplete answer; null: neither.</summary>
    public string? Code { get; init; }

    /// <summary>Tokens that went to the model, those of its cache included.</summary>
    public long InputTokens { get; init; }

    /// <summary>Those of them that its server had in its cache.</summary>
    public long CachedTokens { get; init; }

    /// <summary>Tokens that came from the model, reasoning included.</summary>
    public long OutputTokens { get; init; }

    /// <summary>Those of them that were reasoning.</summary>
    public long ReasoningTokens { get; init; }

    /// <summary>All phases together: from the create's last byte to the terminal event's hand-over.</summary>
    public TimeSpan Total =>
        Transport + Queue + Check + Context + ModelWait + ModelStream + Persist + Deliver;

    /// <summary>All but the model: OpenAI's <c>responses_duration_excl_engine_and_client_tool_time_ms</c>.</summary>
    public TimeSpan WithoutModel => Total - ModelWait - ModelStream;

    /// <summary>The time of one phase.</summary>
    public TimeSpan Of(TurnPhase phase) => phase switch
    {
        TurnPhase.Transport => Transport,
        TurnPhase.Queue => Queue,
        TurnPhase.Check => Check,
        TurnPhase.Context => Context,
        TurnPhase.ModelWait => ModelWait,
        TurnPhase.ModelStream => ModelStream,
        TurnPhase.Persist => Persist,
        _ => Deliver,
    };

    /// <summary>The time of one phase that another phase hid.</summary>
    public TimeSpan HiddenOf(TurnPhase phase) => phase switch
    {
        TurnPhase.ModelStream => HiddenModelStream,
        TurnPhase.Persist => HiddenPersist,
        TurnPhase.Deliver => HiddenDeliver,
        _ => default,
    };
}

/// <summary>Where the part of a context came from that a turn did not bring.</summary>
public enum ContextSource
{
    /// <summary>It was in memory, or there was none.</summary>
    Warm,

    /// <summary>It was read from the journal.</summary>
    Reloaded,

    /// <summary>It was in memory, and rendered anew: for another kind of model server than before.</summary>
    Rebuilt,

    /// <summary>It came from the memory of another process.</summary>
    Moved,

    /// <summary>It was in a conversation that the server found by the history that the client sent.</summary>
    Recognised,
}

/// <summary>How long a client's tool took.</summary>
/// <param name="Name">The tool's name.</param>
/// <param name="CallId">The call.</param>
/// <param name="Waited">From the call's <c>output_item.done</c> to the last byte of the create with its output.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.ToolWait")]
public readonly record struct ToolWait(
    [property: Id(0)] string Name, [property: Id(1)] string CallId, [property: Id(2)] TimeSpan Waited);
