using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>What all activations of a host share.</summary>
/// <param name="Models">Finds the backend of a model.</param>
/// <param name="Ids">Makes the ids of activations and of unstored turns.</param>
/// <param name="Time">The clock.</param>
/// <param name="Instruments">Counts what activations do.</param>
/// <param name="CountTurns">Receives the turns of a tenant that ended; may be called from any thread.</param>
public sealed record ActivationServices(ModelCatalog Models, IIdSource Ids, TimeProvider Time,
    ConversationInstruments Instruments, Action<string, TurnCounts> CountTurns)
{
    /// <summary>Gives the format in which records are written now: <see cref="IJournal.Format"/>.</summary>
    public Func<int> Format { get; init; } = static () => RecordFormat.Newest;
}
