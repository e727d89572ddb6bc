using System.Text.RegularExpressions;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Which server answers to a model name: the one that names it, else the first with a pattern that fits.
/// </summary>
internal sealed class ModelNames
{
    /// <summary>Characters of a model name: names in use stay well below.</summary>
    public const int CharsMax = 256;

    private readonly Dictionary<string, int> _exact = new(StringComparer.Ordinal);
    private readonly List<(Regex Pattern, int Server)> _patterns = [];

    /// <summary>Reads the names and patterns.</summary>
    /// <param name="servers">What each server answers to, by its place in the list; nothing means every name.</param>
    public ModelNames(IEnumerable<IEnumerable<string>> servers)
    {
        foreach (var (index, models) in servers.Index())
        {
            foreach (var model in models.DefaultIfEmpty("*"))
            {
                if (IsPattern(model))
                {
                    _patterns.Add((Compile(model), index));
                }
                else
                {
                    _exact.TryAdd(model, index);
                }
            }
        }
    }

    public static bool IsPattern(string model) => model.Contains('*', StringComparison.Ordinal);

    /// <summary>
    /// Whether it can be a model's name, or a pattern of one; what another server says may be anything.
    /// </summary>
    public static bool IsName(string? model) => model is { Length: > 0 and <= CharsMax } &&
        !model.AsSpan().ContainsAnyInRange('\0', ' ') && !model.AsSpan().ContainsAnyInRange('\x7f', '\x9f');

    /// <summary>The server's place in the list; -1 if none answers to the name.</summary>
    public int Find(string model)
    {
        if (model.Length > CharsMax)
        {
            return -1;
        }

        if (_exact.TryGetValue(model, out var server))
        {
            return server;
        }

        foreach (var (pattern, index) in _patterns)
        {
            if (pattern.IsMatch(model))
            {
                return index;
            }
        }

        return -1;
    }

    private static Regex Compile(string model) => new(
        $@"\A{Regex.Escape(model).Replace(@"\*", ".*", StringComparison.Ordinal)}\z",
        RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant);
}
