namespace Evergrain.Conversations.Ports;

/// <summary>The model servers a process was given, and which of them answers to a name.</summary>
public sealed class ModelCatalog(IReadOnlyList<IModelBackend> backends)
{
    // A message that a person can still read.
    private const int ListedMax = 10;

    /// <summary>Every model name that is offered, in order.</summary>
    public IEnumerable<string> Names => backends.SelectMany(backend => backend.Models);

    /// <summary>What a client is told that names a model that no backend serves.</summary>
    /// <param name="model">The name.</param>
    public Refusal Refuse(string model)
    {
        var offered = backends.SelectMany(backend => backend.Patterns).Concat(Names)
            .Distinct(StringComparer.Ordinal).ToList();
        var some = string.Join(", ", offered.Take(ListedMax));
        var more = offered.Count > ListedMax ? $" and {offered.Count - ListedMax} more" : "";
        return new Refusal(RefusalKind.ModelNotFound, offered.Count == 0
            ? $"The model '{model}' does not exist here: this server has none."
            : $"The model '{model}' does not exist here. There are: {some}{more}.", "model");
    }

    /// <summary>The first backend that serves a model; null if none does.</summary>
    public IModelBackend? Find(string model) => backends.FirstOrDefault(backend => backend.Serves(model))?.Now;

    /// <summary>How the states of a rendering move; null where no backend here has it, or its states do not.</summary>
    internal IStateCodec? StatesOf(string rendering) =>
        backends.Select(static backend => backend.Now)
            .FirstOrDefault(backend => backend.Rendering == rendering)?.States;
}
