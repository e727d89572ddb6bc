using System.Collections.Concurrent;

namespace Evergrain.Conversations.Timing;

/// <summary>
/// Names that clients choose, as values of a label: the first ones as they are, all others as one. So a client cannot
/// make the metrics grow.
/// </summary>
public sealed class BoundedNames
{
    /// <summary>What stands for the names that came later or are too long.</summary>
    public const string Other = "other";

    // A row of a dashboard for each; agents declare 10 to 20 tools.
    private const int NamesMax = 50;
    private const int CharsMax = 64;

    private readonly ConcurrentDictionary<string, bool> _names = new(StringComparer.Ordinal);

    /// <summary>The value of the label for a name.</summary>
    public string Of(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > CharsMax)
        {
            return Other;
        }

        // Two that come at once may both be taken: one name more is no harm.
        return _names.ContainsKey(name) || (_names.Count < NamesMax && _names.TryAdd(name, true)) ? name : Other;
    }
}
