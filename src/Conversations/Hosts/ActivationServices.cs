using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Hosts;

/// <summary>What all activations of a host share.</summary>
/// <param name="Models">Finds the backend of a model.</param>
/// <param name="Ids">Makes the ids of activations and of unstored turns.</param>
/// <param name="Time">The clock.</param>
/// <param name="Instruments">Counts what activations do, and the turns of tenants.</param>
public sealed record ActivationServices(ModelCatalog Models, IIdSource Ids, TimeProvider Time,
    ConversationInstruments Instruments)
{
    /// <summary>Gives the format in which records are written now: <see cref="IJournal.Format"/>.</summary>
    public Func<int> Format { get; init; } = static () => RecordFormat.Newest;
}
