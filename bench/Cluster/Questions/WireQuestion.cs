using Evergrain.Cluster.Processes;
using Evergrain.Cluster.Wire;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// What goes over the wire between frontend and silo for a turn, and does that depend on how long the conversation is?
/// The kernel's counts of the frontend's connections to the silo's gateway; beside them what the client exchanged.
/// </summary>
internal static class WireQuestion
{
    private const int SectionTurns = 20;
    private const int Sections = 10;
    private const double RatioMax = 1.2;
    private static readonly int[] Sizes = [10, 10_000];
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## wire: what a turn costs between frontend and silo");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        await using var apart = await Deployment.ApartAsync(options, database.Url, 1, null, cancellationToken);
        Row[] rows = [.. new[] { false, true }.SelectMany(withTools =>
            Sizes.Select(size => new Row(size, withTools, apart)))];
        for (var section = -1; section < options.Count(Sections); section++)
        {
            foreach (var row in rows)
            {
                await row.RunAsync(isMeasured: section >= 0, cancellationToken);
            }
        }

        var table = new Table("items of history, input of a turn", "turns", "to the silo B/turn",
            "from the silo B/turn", "both", "client's own, both");
        Array.ForEach(rows, row => row.AddTo(table));
        table.Print();
        var before = await SocketBytes.ToPortAsync(apart.GatewayPort, cancellationToken);
        await Task.Delay(IdleTime, TimeProvider.System, cancellationToken);
        var idle = await SocketBytes.ToPortAsync(apart.GatewayPort, cancellationToken) - before;
        Console.WriteLine($"At rest: {(idle.Sent + idle.Received) / IdleTime.TotalSeconds:#,0} B/s. " +
            $"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        var verdicts = new Verdicts();
        for (var i = 0; i < rows.Length; i += Sizes.Length)
        {
            verdicts.AtMost($"bytes of a turn, {rows[i].Input}: at 10,000 items ÷ at 10",
                rows[i + 1].Each / rows[i].Each, RatioMax, "");
        }

        Array.ForEach(rows, row => row.Dispose());
        return verdicts;
    }

    /// <summary>Turns at one length, and what they sent.</summary>
    private sealed class Row(int size, bool withTools, Deployment deployment) : IDisposable
    {
        private readonly WireSocket _wire = WireSocket.Open(deployment.Port);
        private SocketBytes _hop;
        private SocketBytes _client;
        private Conversation? _conversation;
        private int _turns;

        public string Input => withTools ? "2 KB and 18 KB of tools" : "2 KB";

        public double Each => (double)(_hop.Sent + _hop.Received) / _turns;

        public async Task RunAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            // A conversation of 10 items is a new one each time, so that it keeps to about its length.
            if (_conversation is null || size < SectionTurns)
            {
                _conversation = new Conversation(_wire);
                _conversation.Grow(size, withTools);
            }

            var (hop, client) = await LookAsync(cancellationToken);
            for (var i = 0; i < SectionTurns; i++)
            {
                _conversation.Run(Create.Turn(_conversation.Last, [Create.Message(i)], withTools));
            }

            var (hopAfter, clientAfter) = await LookAsync(cancellationToken);
            if (isMeasured)
            {
                _hop += hopAfter - hop;
                _client += clientAfter - client;
                _turns += SectionTurns;
            }
        }

        public void AddTo(Table table) => table.Row($"{size:#,0}, {Input}", _turns, (double)_hop.Sent / _turns,
            (double)_hop.Received / _turns, Each, (double)(_client.Sent + _client.Received) / _turns);

        public void Dispose() => _wire.Dispose();

        private async Task<(SocketBytes Hop, SocketBytes Client)> LookAsync(CancellationToken cancellationToken) => (
            await SocketBytes.ToPortAsync(deployment.GatewayPort, cancellationToken),
            await SocketBytes.ToPortAsync(deployment.Port, cancellationToken));
    }
}
