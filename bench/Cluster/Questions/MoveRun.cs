using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Cluster.Questions;

/// <summary>Conversations of one size on two silos, one of which is told to stop.</summary>
internal sealed class MoveRun(Deployment deployment, int items, int count)
{
    private const int WarmTurns = 3;
    private const int CreateItems = 2_500;
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(5);

    private readonly List<List<string>> _responses = [];
    private readonly List<string> _leaving = [];
    private readonly Samples _warmMs = new();
    private readonly Samples _firstMs = new();
    private readonly List<(double Count, TimeSpan At)> _arrivals = [];
    private TimeSpan _exit;
    private double _recovered;

    /// <summary>Conversations of the silo that was stopped.</summary>
    public int Moved => _leaving.Count;

    /// <summary>Those of them that arrived with all they held.</summary>
    public double Arrived => _arrivals.Count == 0 ? 0 : _arrivals[^1].Count;

    /// <summary>Those whose next turn, when the old silo had gone, read nothing from the journal.</summary>
    public int Warm { get; private set; }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var stays = deployment.Silos[0];
        var leaves = await deployment.AddSiloAsync(cancellationToken);
        using var wire = WireSocket.Open(deployment.Port);
        for (var i = 0; i < count; i++)
        {
            await BeginAsync(wire, leaves, cancellationToken);
        }

        var recovered = await stays.Probe.MetricAsync("evergrain_items_recovered", cancellationToken);
        await StopAsync(stays, leaves, cancellationToken);
        foreach (var end in _leaving)
        {
            var conversation = new Conversation(wire);
            _firstMs.Add(RunTurn(conversation, end));
            _responses.Add([conversation.Last!]);
            var now = await stays.Probe.MetricAsync("evergrain_items_recovered", cancellationToken);
            Warm += now > recovered ? 0 : 1;
            _recovered += now - recovered;
            recovered = now;
        }

        await DeleteAsync(cancellationToken);
    }

    public void AddTo(Table drains, Table turns, string name)
    {
        var (first, last) = _arrivals.Count == 0 ? default : (_arrivals[0], _arrivals[^1]);
        drains.Row(name, Moved, Arrived, Warm, (last.At - first.At).TotalMilliseconds / (last.Count - first.Count),
            last.At.TotalMilliseconds, _exit.TotalMilliseconds);
        turns.Row(name, _firstMs.Count, _firstMs.Median, _firstMs.P99, _firstMs.Max, _warmMs.Median, _warmMs.P99,
            _recovered / Moved);
    }

    /// <summary>Grows a conversation and runs turns on it; the silo whose counter they move has it.</summary>
    private async Task BeginAsync(WireSocket wire, ServerProcess leaves, CancellationToken cancellationToken)
    {
        var conversation = new Conversation(wire);
        var responses = new List<string>();
        while (conversation.Items < items)
        {
            // One create each, so that every response is known and can be deleted.
            responses.Add(conversation.Grow(Math.Min(items - conversation.Items, CreateItems), withTools: false));
        }

        var before = await leaves.Probe.MetricAsync("evergrain_items_validated", cancellationToken);
        for (var i = 0; i < WarmTurns; i++)
        {
            _warmMs.Add(RunTurn(conversation, conversation.Last!));
            responses.Add(conversation.Last!);
        }

        if (await leaves.Probe.MetricAsync("evergrain_items_validated", cancellationToken) > before)
        {
            _leaving.Add(conversation.Last!);
        }

        _responses.Add(responses);
    }

    private static double RunTurn(Conversation conversation, string parent)
    {
        var create = Create.Turn(parent, [Create.Message(0)], withTools: false);
        var begun = Stopwatch.GetTimestamp();
        conversation.Run(create);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>Stops a silo, and notes when how many conversations have come to the other.</summary>
    private async Task StopAsync(ServerProcess stays, ServerProcess leaves, CancellationToken cancellationToken)
    {
        const string metric = "evergrain_conversations_rehydrated";
        var before = await stays.Probe.MetricAsync(metric, cancellationToken);
        var begun = Stopwatch.GetTimestamp();
        var stopped = deployment.StopSiloAsync(leaves);
        var last = 0.0;
        for (var isOver = false; !isOver;)
        {
            isOver = stopped.IsCompleted;
            var now = await stays.Probe.MetricAsync(metric, cancellationToken) - before;
            if (now > last)
            {
                _arrivals.Add((now, Stopwatch.GetElapsedTime(begun)));
                last = now;
            }

            _exit = isOver ? _exit : Stopwatch.GetElapsedTime(begun);
            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }

        await stopped;
    }

    /// <summary>Leaves nothing that would move with the next size.</summary>
    private async Task DeleteAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{deployment.Port}") };
        foreach (var response in _responses.SelectMany(static responses => responses))
        {
            using var answer = await http.DeleteAsync(
                new Uri("/v1/responses/" + response, UriKind.Relative), cancellationToken);
            answer.EnsureSuccessStatusCode();
        }
    }
}
