namespace Evergrain.Conversations.Ports;

/// <summary>The model servers a process was given, and which of them answers to a name.</summary>
public sealed class ModelCatalog(IReadOnlyList<IModelBackend> backends)
{
    /// <summary>Every model name that is offered, in order.</summary>
    public IEnumerable<string> Names => backends.SelectMany(backend => backend.Models);

    /// <summary>The first backend that serves a model; null if none does.</summary>
    public IModelBackend? Find(string model) => backends.FirstOrDefault(backend => backend.Serves(model))?.Now;

    /// <summary>How the states of a rendering move; null where no backend here has it, or its states do not.</summary>
    internal IStateCodec? StatesOf(string rendering) =>
        backends.Select(static backend => backend.Now).FirstOrDefault(backend => backend.Rendering == rendering)?.States;
}
