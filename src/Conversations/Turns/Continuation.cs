using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Turns;

/// <summary>What a turn continues: the end of a turn, or that turn's input alone; the default is the root.</summary>
/// <param name="Turn">The turn; null at the root.</param>
/// <param name="IsInput">
/// Whether it goes on behind the turn's input, without its output: see <see cref="Ports.HistoryPlace"/>.
/// </param>
internal readonly record struct Continuation(Turn? Turn, bool IsInput)
{
    /// <summary>The branch up to there.</summary>
    public Branch Branch => Turn is null ? default : IsInput ? Turn.Input : Turn.End;

    /// <summary>The calls that wait there. Behind an input none does: a create answers all before it.</summary>
    public IReadOnlyDictionary<string, string> OpenCalls =>
        Turn is null || IsInput ? CallLedger.Nothing : Turn.OpenCalls;
}
