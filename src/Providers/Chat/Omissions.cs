using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Evergrain.Providers.Chat;

/// <summary>
/// What a chat-completions server cannot be given, counted by type. Immutable. Types that the wire does not name count
/// as <c>other</c>, so that clients cannot make any number of them.
/// </summary>
internal sealed record Omissions
{
    public const string Other = "other";

    /// <summary>Two tools with one name: the server could not tell them apart.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>Nothing was left out.</summary>
    public static readonly Omissions None = new();

    // Source: OpenAI's OpenAPI file 2.3.0: Tool, InputItem and the parts of messages and outputs.
    private static readonly FrozenSet<string> Known = FrozenSet.ToFrozenSet(
    [
        Duplicate, "function", "custom", "namespace",
        "web_search", "web_search_preview", "file_search", "code_interpreter", "computer", "computer_use_preview",
        "image_generation", "mcp", "local_shell", "shell", "apply_patch", "tool_search",
        "web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "computer_call_output",
        "image_generation_call", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
        "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
        "apply_patch_call_output", "tool_search_call", "tool_search_output", "program", "program_output", "compaction",
        "input_image", "input_file", "input_audio",
    ], StringComparer.Ordinal);

    private ImmutableSortedDictionary<string, int> Counts { get; init; } =
        ImmutableSortedDictionary.Create<string, int>(StringComparer.Ordinal);

    /// <summary>Whether nothing was left out.</summary>
    public bool IsEmpty => Counts.IsEmpty;

    /// <summary>Each type and how many of it, by type.</summary>
    public IEnumerable<KeyValuePair<string, int>> ByType => Counts;

    /// <summary>So many of each type, as they were counted before.</summary>
    public static Omissions Of(IReadOnlyDictionary<string, int> counts) =>
        new() { Counts = counts.ToImmutableSortedDictionary(StringComparer.Ordinal) };

    /// <summary>One more of a type.</summary>
    public Omissions With(string? type)
    {
        var known = type is not null && Known.Contains(type) ? type : Other;
        return this with { Counts = Counts.SetItem(known, Counts.GetValueOrDefault(known) + 1) };
    }

    /// <summary>Both together.</summary>
    public Omissions With(Omissions more)
    {
        var counts = Counts;
        foreach (var (type, count) in more.Counts)
        {
            counts = counts.SetItem(type, counts.GetValueOrDefault(type) + count);
        }

        return more.IsEmpty ? this : this with { Counts = counts };
    }

    /// <summary>The types, in words.</summary>
    public override string ToString() => string.Join(", ", Counts.Keys);
}
