using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>What turns of one kind cost, over all their sections.</summary>
internal sealed class TurnCosts
{
    private ServerSums _sums;
    private long _itemBytes;

    /// <summary>Turns whose server costs were summed.</summary>
    public int Turns { get; private set; }

    /// <summary>Milliseconds from the create's first byte out to the terminal event's last byte in.</summary>
    public Samples Wall { get; } = new();

    /// <summary>Milliseconds of the server's processor time a turn.</summary>
    public double ProcessorMs => _sums.Processor.TotalMilliseconds / Turns;

    /// <summary>Bytes a turn on the server's managed heap.</summary>
    public double Allocated => _sums.Allocated / Turns;

    /// <summary>Bytes of frames a turn.</summary>
    public double Journaled => _sums.Journaled / Turns;

    /// <summary>Bytes a turn that the server had the disk write.</summary>
    public double Disk => _sums.Disk / Turns;

    /// <summary>Bytes of a turn's own items, input and output.</summary>
    public double ItemBytes => (double)_itemBytes / Wall.Count;

    public void Add(TimeSpan wall, int itemBytes)
    {
        Wall.Add(wall.TotalMilliseconds);
        _itemBytes += itemBytes;
    }

    public void Add(int turns, ServerSums spent)
    {
        Turns += turns;
        _sums += spent;
    }
}
