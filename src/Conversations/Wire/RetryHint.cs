using System.Globalization;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// The sentence that tells when to try again. A failed response has no other place for it, and it has to come out of
/// the journal the same; so clients read the message.
/// </summary>
/// <remarks>Source: Codex waits for what a message says behind "try again in", in <c>s</c> or <c>ms</c>.</remarks>
public static class RetryHint
{
    private const string Lead = "try again in ";

    /// <summary>The message with the sentence behind it; as it is where there is no delay.</summary>
    public static string Append(string message, TimeSpan? delay)
    {
        var seconds = Math.Max(0, delay.GetValueOrDefault().TotalSeconds);
        return delay is null
            ? message
            : string.Create(CultureInfo.InvariantCulture, $"{message} Please {Lead}{seconds:0.###}s.");
    }

    /// <summary>Reads the delay out of a message that <see cref="Append"/> wrote.</summary>
    public static TimeSpan? Read(string message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var start = message.LastIndexOf(Lead, StringComparison.Ordinal) + Lead.Length;
        var end = start < Lead.Length ? -1 : message.IndexOf("s.", start, StringComparison.Ordinal);
        return end > start && double.TryParse(message.AsSpan(start, end - start), NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out var seconds) && seconds <= Longest
            ? TimeSpan.FromSeconds(seconds)
            : null;
    }

    // A day: whatever says more means never.
    private const double Longest = 86_400;
}
