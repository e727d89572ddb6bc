using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// Runs a turn on conversations that may not be warm, and some more on each that are; messages of 2,000 bytes, stored.
/// </summary>
internal sealed class Visitor(Deployment deployment) : IDisposable
{
    private readonly WireSocket _wire = WireSocket.Open(deployment.Port);
    private Samples _first = new();
    private Samples _next = new();

    // A first turn less the median of those that follow on the same conversation.
    private Samples _less = new();

    /// <summary>Continues a conversation behind a response, or begins one; gives the last response.</summary>
    public string Visit(string? end, int nextTurns)
    {
        var conversation = new Conversation(_wire);
        var first = Run(end);
        _first.Add(first);
        var next = new Samples();
        for (var i = 0; i < nextTurns; i++)
        {
            var took = Run(conversation.Last);
            next.Add(took);
            _next.Add(took);
        }

        _less.Add(first - next.Median);
        return conversation.Last!;

        double Run(string? parent)
        {
            var create = Create.Turn(parent, [Create.Message(_first.Count)], withTools: false);
            var begun = Stopwatch.GetTimestamp();
            conversation.Run(create);
            return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
    }

    /// <summary>Items that the deployment read from the journal.</summary>
    public async Task<double> RecoveredAsync(CancellationToken cancellationToken) => deployment.Silos.Count > 0
        ? await deployment.SilosMetricAsync("evergrain_items_recovered", cancellationToken)
        : await deployment.Entry.Probe.MetricAsync("evergrain_items_recovered", cancellationToken);

    /// <summary>Adds a row to a table, if there is one, and forgets what was measured.</summary>
    public void AddTo(Table? table, string name, double recovered)
    {
        table?.Row($"{name}, {deployment.Name}", _first.Count, _first.Median, _first.P99, _next.Median, _less.Median,
            _less.P99, recovered);
        (_first, _next, _less) = (new Samples(), new Samples(), new Samples());
    }

    public void Dispose() => _wire.Dispose();
}
