using System.Diagnostics;
using System.Globalization;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// Clients that each run a tool loop and never pause, a thread and a socket each; and where the processors' time went
/// meanwhile.
/// </summary>
internal sealed class ClosedLoop(Deployment deployment, int clients)
{
    private const int ConversationTurns = 50;

    // Source: proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
    private const int IdleField = 3, WaitField = 4, FieldsEnd = 8;
    private const double TicksASecond = 100;

    private readonly Samples _millis = new();
    private volatile bool _isMeasured;
    private volatile bool _isOver;
    private Spent _spent;
    private TimeSpan _time;

    /// <summary>Runs all clients for both times; what ends in the second is counted.</summary>
    public async Task RunAsync(TimeSpan warmUp, TimeSpan measured, CancellationToken cancellationToken)
    {
        var running = Enumerable.Range(0, clients).Select(_ => Task.Factory.StartNew(Loop, cancellationToken,
            TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        try
        {
            await Task.Delay(warmUp, TimeProvider.System, cancellationToken);
            var (before, begun) = (Look(), Stopwatch.GetTimestamp());
            _isMeasured = true;
            await Task.Delay(measured, TimeProvider.System, cancellationToken);
            _isMeasured = false;
            (_spent, _time) = (Look() - before, Stopwatch.GetElapsedTime(begun));
        }
        finally
        {
            _isOver = true;
        }

        Array.ForEach(await Task.WhenAll(running), millis => millis.ForEach(_millis.Add));
    }

    public void AddTo(Table table)
    {
        var turns = _millis.Count;
        table.Row(deployment.Name, turns / _time.TotalSeconds, _millis.Median, _millis.P99,
            Each(_spent.Entry), Each(_spent.Silos), Each(_spent.Clients),
            Each(_spent.Busy - _spent.Entry - _spent.Silos - _spent.Clients), _spent.Busy / _time);

        double Each(TimeSpan time) => time.TotalMilliseconds / turns;
    }

    private List<double> Loop()
    {
        var millis = new List<double>();
        using var wire = WireSocket.Open(deployment.Port);
        while (!_isOver)
        {
            var conversation = new Conversation(wire);
            conversation.Begin(ConversationTurns + 1, argumentBytes: 0);
            for (var i = 0; i < ConversationTurns && !_isOver; i++)
            {
                var create = conversation.NextTurn();
                var begun = Stopwatch.GetTimestamp();
                conversation.RunNext(create);
                if (_isMeasured)
                {
                    millis.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                }
            }
        }

        return millis;
    }

    private Spent Look()
    {
        var (entry, silos) = deployment.ProcessorTimes();
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        var ticks = fields.Take(FieldsEnd).Where((_, i) => i is not (IdleField or WaitField))
            .Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
        return new Spent(entry, silos, Environment.CpuUsage.TotalTime, TimeSpan.FromSeconds(ticks / TicksASecond));
    }

    /// <summary>Processor time: of what clients connect to, the silos, this process, and the whole machine.</summary>
    private readonly record struct Spent(TimeSpan Entry, TimeSpan Silos, TimeSpan Clients, TimeSpan Busy)
    {
        public static Spent operator -(Spent left, Spent right) => new(left.Entry - right.Entry,
            left.Silos - right.Silos, left.Clients - right.Clients, left.Busy - right.Busy);
    }
}
