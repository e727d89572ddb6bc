using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// Which stored responses are asked for, of those that ended with an answer. They come in the order in which their
/// conversations began, and those of one conversation in the order of its turns.
/// </summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Limit">How many at most, from 1.</param>
/// <param name="Filter">Which of them, and in which direction.</param>
public sealed record ResponseQuery(string Tenant, int Limit, ResponseFilter Filter)
{
    /// <summary>The response before the page; it may be deleted while its conversation is there. Null: none.</summary>
    public ResponseId? After { get; init; }
}

/// <summary>Which responses are listed.</summary>
public sealed record ResponseFilter
{
    /// <summary>Whether the oldest come first.</summary>
    public bool IsAscending { get; init; } = true;

    /// <summary>The model that they name; null: any.</summary>
    public string? Model { get; init; }

    /// <summary>Pairs that their metadata has, with others beside them or not.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } =
        new Dictionary<string, string>(StringComparer.Ordinal);
}

/// <summary>A page of responses.</summary>
/// <param name="Found">The responses; some may be deleted by now.</param>
/// <param name="HasMore">Whether others follow, or may follow where the page has looked at as many as it may.</param>
/// <param name="LookedAt">The last turn that was looked at: a page behind it goes on; null: there was none.</param>
public sealed record ResponsePage(IReadOnlyList<ResponseId> Found, bool HasMore, ResponseId? LookedAt);
