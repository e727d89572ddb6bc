using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// A tool loop over one socket: each turn sends 18 KB of tools and one result of 2,000 bytes, the model makes the next
/// call, everything is stored.
/// </summary>
internal sealed class SingleLoop(Deployment deployment) : IDisposable
{
    private readonly WireSocket _wire = WireSocket.Open(deployment.Port);
    private TimeSpan _processor;

    public string Name => deployment.Name;

    /// <summary>Milliseconds from a create's first byte out to the terminal event's last byte in.</summary>
    public Samples Wall { get; } = new();

    /// <summary>Milliseconds a turn of all its processes' time.</summary>
    public double ProcessorMs => _processor.TotalMilliseconds / Wall.Count;

    /// <summary>Runs turns of a new conversation.</summary>
    public void Run(int turns, bool isMeasured)
    {
        var conversation = new Conversation(_wire);
        conversation.Begin(turns + 1, argumentBytes: 0);
        var before = deployment.ProcessorTimes();
        for (var i = 0; i < turns; i++)
        {
            var create = conversation.NextTurn();
            var begun = Stopwatch.GetTimestamp();
            conversation.RunNext(create);
            if (isMeasured)
            {
                Wall.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        }

        var after = deployment.ProcessorTimes();
        _processor += isMeasured ? after.Entry + after.Silos - before.Entry - before.Silos : TimeSpan.Zero;
    }

    public void Dispose() => _wire.Dispose();
}
