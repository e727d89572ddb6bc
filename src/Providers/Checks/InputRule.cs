using System.Text.RegularExpressions;

namespace Evergrain.Providers.Checks;

/// <summary>One rule: new input in which its pattern is found is refused.</summary>
/// <remarks>
/// It looks at each string value of an item by itself, its JSON escapes decoded: texts, arguments, tool input and
/// output, whatever members a type has. It does not look at <c>type</c>, <c>role</c>, <c>status</c>, <c>id</c>, members
/// that end in <c>_id</c>, and <c>encrypted_content</c>.
/// </remarks>
public sealed class InputRule
{
    private const int NameCharsMax = 64;
    private static readonly string[] KnownRoles = ["user", "assistant", "system", "developer"];

    /// <summary>Its name in the log, 1 to 64 characters.</summary>
    public string Name { get; set; } = string.Empty;

    /// <summary>
    /// A .NET regular expression. Patterns without look-around, backreferences and the like are matched without
    /// backtracking, in time proportional to the text.
    /// </summary>
    public string Pattern { get; set; } = string.Empty;

    /// <summary>The types of items it looks at, such as <c>function_call_output</c>. Default all.</summary>
    public IList<string> Types { get; init; } = [];

    /// <summary>
    /// The roles it looks at: <c>user</c>, <c>assistant</c>, <c>system</c>, <c>developer</c>. Default all, and items
    /// that have none.
    /// </summary>
    public IList<string> Roles { get; init; } = [];

    /// <summary>What the client is told, up to 500 characters. Default: <c>The input was refused.</c></summary>
    public string Message { get; set; } = CheckRefusals.DefaultReason;

    internal bool LooksAt(in ItemFace item) =>
        (Types.Count == 0 || Types.Contains(item.Type)) && (Roles.Count == 0 || Roles.Contains(item.Role));

    internal Regex Compile(TimeSpan timeout)
    {
        try
        {
            return new Regex(Pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, timeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(Pattern, RegexOptions.CultureInvariant, timeout);
        }
    }

    internal IEnumerable<string> FindMistakes(string path, TimeSpan timeout)
    {
        // A null of the settings file arrives as null, whatever the type says.
        if (Name is not { Length: > 0 and <= NameCharsMax })
        {
            yield return $"{path}:Name: it must have 1 to {NameCharsMax} characters.";
        }

        if (FindPatternMistake(timeout) is { } mistake)
        {
            yield return $"{path}:Pattern: {mistake}";
        }

        if (Types.Any(string.IsNullOrEmpty))
        {
            yield return $"{path}:Types: a type is empty.";
        }

        foreach (var role in Roles.Except(KnownRoles, StringComparer.Ordinal))
        {
            yield return $"{path}:Roles: '{role}' is not one of {string.Join(", ", KnownRoles)}.";
        }

        if (Message is not { Length: > 0 and <= CheckRefusals.ReasonCharsMax })
        {
            yield return $"{path}:Message: it must have 1 to {CheckRefusals.ReasonCharsMax} characters.";
        }
    }

    private string? FindPatternMistake(TimeSpan timeout)
    {
        if (string.IsNullOrEmpty(Pattern))
        {
            return "it is missing.";
        }

        try
        {
            // A timeout out of range is a mistake of its own.
            Compile(timeout > TimeSpan.Zero ? timeout : TimeSpan.FromSeconds(1));
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }
}
