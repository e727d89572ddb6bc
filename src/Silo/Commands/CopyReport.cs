using System.Globalization;
using System.Text.Json.Nodes;
using Evergrain.Providers.Copying;

namespace Evergrain.Silo.Commands;

/// <summary>What <c>evergrain copy</c> says: its progress on stderr, and at the end what was done.</summary>
/// <param name="from">Where it copies from.</param>
/// <param name="to">Where it copies to.</param>
/// <param name="time">The clock.</param>
internal sealed class CopyReport(string from, string to, TimeProvider time)
{
    // Lines on stderr; the JSON names every one.
    private const int DamagedLinesMax = 100;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;

    private readonly long _begun = time.GetTimestamp();

    /// <summary>What the copy has done.</summary>
    public CopyTally Tally { get; } = new();

    /// <summary>Whether everything was copied.</summary>
    public bool IsWhole => Tally.Damaged.Count == 0 && Tally.Unreadable.Count == 0;

    private double Seconds => time.GetElapsedTime(_begun).TotalSeconds;

    private double PerSecond => Tally.Compared / Math.Max(Seconds, 0.001);

    /// <summary>Ends when the next line of progress is due.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => Task.Delay(Interval, time, cancellationToken);

    /// <summary>Says how far the copy is.</summary>
    public void WriteProgress() => Console.Error.WriteLine(Tally.Compared > 0
        ? string.Create(English, $"{Tally.Compared:N0} of {Tally.Conversations:N0} conversations are compared.")
        : string.Create(English, $"{Tally.Copied:N0} of {Tally.Conversations:N0} conversations are copied."));

    /// <summary>Names what is damaged at the source.</summary>
    public void WriteDamage()
    {
        foreach (var damage in Tally.Unreadable)
        {
            Console.Error.WriteLine(Terminal.Safe($"A part of the source's conversations is not copied: {damage}"));
        }

        foreach (var (key, damage) in Tally.Damaged.Take(DamagedLinesMax))
        {
            Console.Error.WriteLine(Terminal.Safe($"{key.Id} of {key.Tenant} is not copied: {damage}"));
        }

        if (Tally.Damaged.Count > DamagedLinesMax)
        {
            Console.Error.WriteLine(string.Create(
                English, $"{Tally.Damaged.Count:N0} conversations are damaged; --json names all."));
        }
    }

    /// <summary>Says what was done.</summary>
    public void WriteSummary()
    {
        var done = string.Create(English, $"{Tally.Compared:N0} conversations are copied and compared, with " +
            $"{Tally.Appends:N0} appends and {Tally.Bytes:N0} bytes written, in {Seconds:0.0} s ({PerSecond:0} a " +
            $"second).");
        Console.WriteLine($"From {from} to {to}: {done}");
    }

    /// <summary>The same, for programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["object"] = "evergrain.copy",
        ["from"] = from,
        ["to"] = to,
        ["conversations"] = Tally.Conversations,
        ["copied"] = Tally.Compared,
        ["appends_written"] = Tally.Appends,
        ["bytes_written"] = Tally.Bytes,
        ["damaged"] = new JsonArray([.. Tally.Damaged.Select(static one => (JsonNode)new JsonObject
        {
            ["id"] = one.Key.Id.ToString(),
            ["tenant"] = one.Key.Tenant,
            ["damage"] = one.Value,
        })]),
        ["unreadable"] = new JsonArray([.. Tally.Unreadable.Select(static one => (JsonNode)JsonValue.Create(one))]),
        ["seconds"] = Math.Round(Seconds, 3),
        ["conversations_per_second"] = Math.Round(PerSecond, 1),
    };
}
