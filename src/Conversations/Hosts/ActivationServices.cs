using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
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
    /// <summary>What conversations do by the host's settings.</summary>
    public ConversationRules Rules { get; init; } = new(static () => RecordFormat.Newest, Known: null);
}

/// <summary>What conversations do by the settings of their host.</summary>
/// <param name="Format">Gives the format in which records are written now: <see cref="IJournal.Format"/>.</param>
/// <param name="Known">
/// Is told of each turn that ends and that a history may continue; null: histories are not recognised.
/// </param>
public sealed record ConversationRules(Func<int> Format, RecognitionIndex? Known)
{
    /// <summary>How long responses are kept; null: for ever.</summary>
    public ResponseLifetimes? Lifetimes { get; init; }
}
