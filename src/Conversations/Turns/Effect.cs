using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Turns;

/// <summary>What a conversation asks of its host. Hosts run effects in order and report what came of them.</summary>
public abstract record Effect
{
    private Effect()
    {
    }

    /// <summary>
    /// Append to the journal; then call <see cref="Conversation.OnAppended"/> or
    /// <see cref="Conversation.OnAppendFailed"/>. One is under way at a time.
    /// </summary>
    public sealed record Append(JournalEnd End, ReadOnlyMemory<byte> Records) : Effect
    {
        /// <summary>The numbers of the turns that the records delete; null: none.</summary>
        public IReadOnlyList<int>? Deleted { get; init; }

        /// <summary>The trace of the turn that gave the last of the records; the default: none has one.</summary>
        public TraceContext Trace { get; init; }
    }

    /// <summary>Call a model; feed its events to <see cref="Conversation.OnModelEvent"/>.</summary>
    public sealed record CallModel(TurnId Turn, IModelBackend Backend, ModelCall Call) : Effect;

    /// <summary>Stop a turn's model call.</summary>
    public sealed record CancelCall(TurnId Turn) : Effect;

    /// <summary>A turn has events that readers have not seen, or has ended.</summary>
    public sealed record WakeReaders(TurnId Turn) : Effect;

    /// <summary>The end of a turn is durable: a history may continue it.</summary>
    public sealed record NoteEnd(HistoryEntry Entry) : Effect;

    /// <summary>
    /// Call <see cref="Conversation.OnTime"/> at this time or later; the newest replaces earlier ones.
    /// </summary>
    public sealed record WakeAt(DateTimeOffset Time) : Effect;

    /// <summary>
    /// No response of the conversation is left: delete its journal if it still ends there, give the activation no
    /// further input, forget it.
    /// </summary>
    public sealed record DeleteJournal(JournalEnd End) : Effect;
}
