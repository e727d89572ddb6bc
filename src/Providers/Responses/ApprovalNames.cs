using System.Collections.Immutable;

namespace Evergrain.Providers.Responses;

/// <summary>
/// What the server calls the questions of a branch that are not answered yet. A client answers
/// <c>mcp_approval_request</c> by the item's id, the one reference between items that is no call id: it knows ours, the
/// server looks for its own. Immutable; what is answered is gone, so that it does not grow with the history.
/// </summary>
internal sealed class ApprovalNames
{
    public const string Question = "mcp_approval_request", Answer = "mcp_approval_response";

    private readonly ImmutableDictionary<string, string> _names;

    private ApprovalNames(ImmutableDictionary<string, string> names) => _names = names;

    private static ReadOnlySpan<byte> Reference => "approval_request_id"u8;

    /// <summary>The server's names by ours.</summary>
    public IReadOnlyDictionary<string, string> All => _names;

    /// <summary>These names.</summary>
    public static ApprovalNames Of(IReadOnlyDictionary<string, string> names) =>
        new(names.ToImmutableDictionary(StringComparer.Ordinal));

    /// <summary>The names behind a question.</summary>
    /// <param name="before">The names before it; null for none.</param>
    /// <param name="question">The item with our id.</param>
    /// <param name="id">The server's.</param>
    public static ApprovalNames? Asked(ApprovalNames? before, ReadOnlySpan<byte> question, string id) =>
        ItemId.Text(question, "id"u8) is { } ours
            ? new ApprovalNames((before?._names ?? ImmutableDictionary.Create<string, string>(StringComparer.Ordinal))
                .SetItem(ours, id))
            : before;

    /// <summary>An answer with the server's name of its question, where that is known.</summary>
    /// <param name="names">The names before it, then those behind it; null for none.</param>
    /// <param name="answer">The item.</param>
    public static ReadOnlySpan<byte> Answered(
        scoped ref ApprovalNames? names, ReadOnlySpan<byte> answer)
    {
        if (names is null || TextOf(answer) is not { } ours || !names._names.TryGetValue(ours, out var id))
        {
            return answer;
        }

        var left = names._names.Remove(ours);
        names = left.IsEmpty ? null : new ApprovalNames(left);
        return ItemId.ReplaceText(answer, Reference, id);
    }

    private static string? TextOf(ReadOnlySpan<byte> answer)
    {
        try
        {
            return ItemId.Text(answer, Reference);
        }
        catch (InvalidOperationException)
        {
            // Half a character: no id of ours.
            return null;
        }
    }
}
