namespace Evergrain.Load.Server;

/// <summary>A server to start, which is given a free port.</summary>
/// <param name="Assembly">The program.</param>
/// <param name="Arguments">What it is told beside its port.</param>
internal sealed record ServerStart(string Assembly, IReadOnlyList<string> Arguments)
{
    /// <summary>Its data directory, deleted at the end; null: it has none.</summary>
    public string? Data { get; init; }

    /// <summary>Whether the data directory stays, for the next process.</summary>
    public bool KeepsData { get; init; }

    /// <summary>Settings by name, given in the environment.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Other variables of its environment.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();
}
