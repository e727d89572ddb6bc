using System.Collections.Concurrent;
using Xunit.Abstractions;

namespace Evergrain.Suites.Crash;

/// <summary>Counts what the kills met.</summary>
internal sealed class CrashTally
{
    private readonly ConcurrentDictionary<string, string> _fates = new();

    public int Kills { get; set; }

    /// <summary>Kills after which at least one turn was found cut: started, and not finished.</summary>
    public int KillsMidTurn { get; set; }

    public int Cut => Count("cut");

    public int Stored => Count("stored");

    public int Absent => Count("not stored");

    /// <summary>An ambiguous turn was found in the journal.</summary>
    public void Decided(SentTurn turn) => Decide(turn, turn.Response!.IsCut ? "cut" : "stored");

    /// <summary>An ambiguous turn is not in the journal. It must not come back.</summary>
    public void NotStored(SentTurn turn) => Decide(turn, "not stored");

    /// <summary>Prints a line for people and for <c>./test</c>.</summary>
    public static void Note(ITestOutputHelper output, string line) => output.WriteLine($"[note] {line}");

    private void Decide(SentTurn turn, string fate) => Assert.Equal(fate, _fates.GetOrAdd(turn.Nonce, fate));

    private int Count(string fate) => _fates.Values.Count(value => value == fate);
}
