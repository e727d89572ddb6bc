namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>What goes wrong, and at the end what must go on beside it.</summary>
internal enum Fault
{
    /// <summary>An append fails and nothing was stored.</summary>
    AppendFails,

    /// <summary>An append is stored and its writer is told at once that it failed.</summary>
    AppendFailsAfter,

    /// <summary>An append and its acknowledgement take long.</summary>
    AppendDelayed,

    /// <summary>The writer is told that it failed, and it reaches the journal later: stored or refused.</summary>
    AppendLate,

    /// <summary>An append is stored, and its writer hears nothing for long and then of a failure.</summary>
    AcknowledgementLost,

    /// <summary>A read takes long and answers what was true when it began.</summary>
    ReadStale,

    /// <summary>A read fails.</summary>
    ReadFails,

    /// <summary>A host stops, and goes on later as if nothing was.</summary>
    Pause,

    /// <summary>A host dies and begins anew.</summary>
    Crash,

    /// <summary>A host ends its turns, lets its readers see that, and begins anew.</summary>
    Drain,

    /// <summary>An activation is dropped, and its clients go to another host.</summary>
    Migration,

    /// <summary>A conversation moves to another host with all it holds; the old one ends, or lives on.</summary>
    WarmMove,

    /// <summary>A second activation of a conversation begins in one host beside the first.</summary>
    Duplicate,

    /// <summary>A client loses its connection while it starts or reads a turn.</summary>
    Disconnect,

    /// <summary>A client sends a create again whose outcome it does not know, or does.</summary>
    Resend,

    /// <summary>A client sends a whole history again, and the server continues the turn that it ends with.</summary>
    HistoryContinued,

    /// <summary>The index of histories loses all that it holds.</summary>
    IndexDropped,

    /// <summary>A model says nothing for long.</summary>
    ModelStalls,

    /// <summary>A model fails, or its stream breaks.</summary>
    ModelFails,

    /// <summary>A model goes on after its call was cancelled.</summary>
    ModelGoesOn,

    /// <summary>A turn is continued while an async call of its branch has no output.</summary>
    CallLeftOpen,

    /// <summary>An async call gets its output behind later turns, or a second output.</summary>
    OutputComesLate,
}

/// <summary>Which faults met in one run, and how often over many.</summary>
internal sealed class FaultCounts
{
    public static readonly int Kinds = Enum.GetValues<Fault>().Length;
    private readonly long[] _pairs = new long[Kinds * Kinds];

    public long Runs { get; private set; }

    /// <summary>Adds a run's faults, as bits.</summary>
    public void Add(uint faults)
    {
        Runs++;
        for (var first = 0; first < Kinds; first++)
        {
            for (var second = first; second < Kinds && (faults & (1u << first)) != 0; second++)
            {
                _pairs[(first * Kinds) + second] += (faults >> second) & 1;
            }
        }
    }

    public void Add(FaultCounts other)
    {
        Runs += other.Runs;
        for (var i = 0; i < _pairs.Length; i++)
        {
            _pairs[i] += other._pairs[i];
        }
    }

    /// <summary>Runs in which both happened; a fault and itself: in which it happened.</summary>
    public long Of(Fault first, Fault second) => _pairs[((int)first * Kinds) + (int)second];

    public IEnumerable<(Fault First, Fault Second, long Runs)> Pairs() =>
        from first in Enum.GetValues<Fault>()
        from second in Enum.GetValues<Fault>()
        where second >= first
        select (first, second, Of(first, second));
}
