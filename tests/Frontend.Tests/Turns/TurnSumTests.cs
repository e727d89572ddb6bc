using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Frontend.Turns;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Turns;

/// <summary>
/// The phases of a turn add up to what a clock outside of it says: on the real clock, one turn at a time.
/// </summary>
public sealed class TurnSumTests
{
    private const int Turns = 1_000;
    private static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(0.2);

    [Fact]
    public async Task Phases_OfAThousandTurns_AddUpToAClockOutside()
    {
        await using var server = await TestServer.StartAsync(await InProcessWire.Hosts.StartAsync());
        var leases = server.Get<TurnRunner>().NewLeases("default", CancellationToken.None);
        string? previous = null;
        var apart = 0;
        for (var i = 0; i < Turns; i++)
        {
            var watch = new WatchedDelivery();
            await RunAsync(server, leases, watch, previous);
            previous = watch.Response.ToString();
            var total = watch.Timing!.Total;
            var difference = (watch.Seen - total).Duration();
            apart += difference > Tolerance && difference > watch.Seen * 0.01 ? 1 : 0;
            Assert.Equal(total, TurnPhases.All.Aggregate(TimeSpan.Zero,
                (sum, phase) => sum + watch.Timing.Of(phase)));
            Assert.All(TurnPhases.All, phase => Assert.True(watch.Timing.Of(phase) >= TimeSpan.Zero, $"{phase}"));
        }

        Assert.True(apart <= Turns / 20, $"{apart} of {Turns} turns are apart from the clock outside");
        await leases.ReleaseAllAsync();
    }

    private static async Task RunAsync(TestServer server, UnstoredLeases leases, WatchedDelivery watch,
        string? previous)
    {
        var json = Encoding.UTF8.GetBytes(
            $$"""{"type":"response.create","model":"demo","input":"go","previous_response_id":{{Quoted(previous)}}}""");
        var body = new RentedBuffer(Array.MaxLength);
        body.Append(json);
        watch.Begin();
        Assert.Null(RoutingFields.Read(body.Written.Span, out var fields));
        using var create = new ReceivedCreate(body, fields, watch.Begun);
        await server.Get<TurnRunner>().RunAsync(create, leases, watch, CancellationToken.None);
    }

    private static string Quoted(string? text) => text is null ? "null" : $"\"{text}\"";

    /// <summary>Takes events and looks at the clock when it has the last one.</summary>
    private sealed class WatchedDelivery : ITurnDelivery
    {
        public int From => 0;

        public bool WantsKeepalive => false;

        public long Begun { get; private set; }

        public TimeSpan Seen { get; private set; }

        public ResponseId Response { get; private set; }

        public TurnTiming? Timing { get; private set; }

        public void Begin() => Begun = TimeProvider.System.GetTimestamp();

        public bool Started(ResponseId response, TurnMeter meter)
        {
            Response = response;
            return false;
        }

        public ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            Seen = TimeProvider.System.GetElapsedTime(Begun);
            return ValueTask.CompletedTask;
        }

        public ValueTask EndedAsync(ResponseId response, TurnTiming timing, CancellationToken cancellationToken)
        {
            Timing = timing;
            return ValueTask.CompletedTask;
        }

        public ValueTask KeepAliveAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
