using System.Buffers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Compaction for servers that have none: a <c>compaction_trigger</c> is a request for a summary, and the summary's
/// text is the <c>encrypted_content</c> of the item that it gives.
/// </summary>
internal static class Summaries
{
    // Shorter than any sealed content of another server.
    private const int SealedBytesMin = 64;

    private static readonly SearchValues<byte> Base64 = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="u8);

    /// <summary>What the model is asked for; JSON string content.</summary>
    public static ReadOnlySpan<byte> Request =>
        "The conversation so far is about to be replaced by a summary of it. Write that summary now, for yourself: "u8 +
        "what was asked for, what was decided and done, the facts, names and places that matter, what is left to "u8 +
        "do, and the next step. Be complete and brief. Answer with the summary alone and call no tool."u8;

    /// <summary>What stands before a summary in the history; JSON string content.</summary>
    public static ReadOnlySpan<byte> LeadIn => "Summary of the conversation before this point:"u8;

    /// <summary>Whether content can only be what another server sealed: the model cannot read it.</summary>
    /// <param name="content">The inside of a JSON string.</param>
    public static bool IsSealed(ReadOnlySpan<byte> content) =>
        content.Length >= SealedBytesMin && !content.ContainsAnyExcept(Base64);
}
