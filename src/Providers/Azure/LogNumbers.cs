using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Gives numbers to logs that grow with time: microseconds since 2025 by this process's clock, and ten random bits, by
/// which those of two processes differ. Any thread may use it.
/// </summary>
internal sealed class LogNumbers(TimeProvider time, IIdSource chance)
{
    private const int ChanceBits = 10;
    private static readonly DateTimeOffset Begin = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly Lock _gate = new();
    private long _last;

    /// <summary>When a number was given, in milliseconds since the Unix epoch.</summary>
    public static long BeginOf(long number) =>
        (Begin + TimeSpan.FromMicroseconds(number >> ChanceBits)).ToUnixTimeMilliseconds();

    /// <summary>One that is larger than all before.</summary>
    public long Next()
    {
        lock (_gate)
        {
            var now = Math.Max((long)(time.GetUtcNow() - Begin).TotalMicroseconds, (_last >> ChanceBits) + 1);
            return _last = (now << ChanceBits) | (long)(chance.Next64() >> (64 - ChanceBits));
        }
    }
}
