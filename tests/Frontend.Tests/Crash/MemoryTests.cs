using System.Globalization;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Holding;
using Evergrain.Suites.Crash;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A process with little memory, and tenants that each try to hold half of it.</summary>
[Collection(nameof(ProcessTests))]
public sealed class MemoryTests : IDisposable
{
    private const long MemoryBytes = 512L << 20;
    private const int HoldersCount = 20, SocketsEach = 2, TurnBytes = 1_000_000, TurnsMin = 5;
    private const long HeldBytesEach = 256L << 20;
    private const string OrdinaryKey = "sk-ordinary";

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly TimeSpan HoldTime = TimeSpan.FromSeconds(IsLong ? 60 : 5);
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(60);

    private readonly ITestOutputHelper _output;
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-memory-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    public MemoryTests(ITestOutputHelper output) => _output = output;

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task TenantsThatHoldAllTheyCan_LeaveTheServerAlive_OthersServed_AndGiveTheirMemoryBack()
    {
        var ordinary = await RunAsync(hold: false, enoughBytes: long.MaxValue);
        var held = await RunAsync(hold: true, enoughBytes: ordinary.After * 3 / 2);

        _output.WriteLine(Invariant($"[note] {held.Kind}: {held.Turns} ordinary turns, the slowest ") +
            Invariant($"{held.Slowest.TotalMilliseconds:f0} ms; {held.Taken} turns of 1 MB were taken and ") +
            Invariant($"{held.Refused} refused; {held.Peak >> 20} MiB at most, {held.After >> 20} MiB after it, ") +
            Invariant($"{ordinary.After >> 20} MiB without it"));
        Assert.InRange(held.Refused, HoldersCount, int.MaxValue);
        Assert.InRange(held.Taken, HoldersCount, int.MaxValue);
        Assert.InRange(held.Turns, TurnsMin, int.MaxValue);
        Assert.InRange(held.After, 0, ordinary.After * 3 / 2);
    }

    private async Task<Outcome> RunAsync(bool hold, long enoughBytes)
    {
        using var group = MemoryGroup.Create(MemoryBytes);
        var directory = _data.CreateSubdirectory(hold ? "held" : "ordinary");
        var settings = group.Bound(ServerSettings.OnSqlite(directory.FullName))
            .With("ApiKeys__0", OrdinaryKey + "=ordinary");
        for (var i = 0; i < HoldersCount; i++)
        {
            settings = settings.With(Invariant($"ApiKeys__{i + 1}"), Invariant($"{KeyOf(i)}=holder{i}"));
        }

        var outcome = new Outcome { Kind = group.Kind };
        await using var server = await ServerProcess.StartAsync(settings, Token);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var ending = EndAsync(outcome, hold, over);
        var running = RunOrdinaryAsync(server, outcome, over.Token);
        if (hold)
        {
            await Task.WhenAll(Enumerable.Range(0, HoldersCount * SocketsEach)
                .Select(i => HoldAsync(server, KeyOf(i % HoldersCount), outcome, over.Token)));
        }

        await running;
        await ending;
        outcome.After = await RestAsync(server, enoughBytes);
        Assert.False(server.HasExited);
        Assert.Equal(0, group.Kills ?? 0);

        // It serves as before.
        using var socket = await TurnSocket.ConnectAsync(server.Socket, null, Token, OrdinaryKey);
        Assert.Equal("response.completed", await RunTurnAsync(socket, Create("after"), Token));
        await server.TerminateAsync(Token);
        var (code, error) = await server.ExitAsync(Token);
        Assert.Equal((0, ""), (code, error));
        return outcome;
    }

    /// <summary>Ends the load after its time; on a slow machine later, when all were served or refused.</summary>
    private async Task EndAsync(Outcome outcome, bool hold, CancellationTokenSource over)
    {
        await Task.Delay(HoldTime, TimeProvider.System, Token);
        while (outcome.Turns < TurnsMin || (hold && Math.Min(outcome.Taken, outcome.Refused) < HoldersCount))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
        }

        await over.CancelAsync();
    }

    private async Task RunOrdinaryAsync(ServerProcess server, Outcome outcome, CancellationToken over)
    {
        using var socket = await TurnSocket.ConnectAsync(server.Socket, null, Token, OrdinaryKey);
        while (!over.IsCancellationRequested)
        {
            var begun = TimeProvider.System.GetTimestamp();
            Assert.Equal("response.completed", await RunTurnAsync(socket, Create("hello"), Token));
            var took = TimeProvider.System.GetElapsedTime(begun);
            outcome.Slowest = took > outcome.Slowest ? took : outcome.Slowest;
            outcome.Turns++;
            outcome.Peak = Math.Max(outcome.Peak, server.ResidentBytes);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        }
    }

    /// <summary>Makes unstored turns until it holds its bytes, and goes on when it is refused.</summary>
    private async Task HoldAsync(ServerProcess server, string key, Outcome outcome, CancellationToken over)
    {
        using var socket = await TurnSocket.ConnectAsync(server.Socket, null, Token, key);
        string? last = null;
        for (var held = 0L; held < HeldBytesEach / SocketsEach && !over.IsCancellationRequested;)
        {
            await socket.SendAsync(Create(new string('u', TurnBytes), last, isStored: false), Token);
            var (type, json) = await ReadTurnAsync(socket, Token);
            if (type == "response.completed")
            {
                last = json.GetProperty("response").GetProperty("id").GetString();
                held += TurnBytes;
                Interlocked.Increment(ref outcome.Taken);
                continue;
            }

            Assert.Equal("error", type);
            Assert.Equal(TenantHolding.Code, json.GetProperty("error").GetProperty("code").GetString());
            Interlocked.Increment(ref outcome.Refused);
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, Token);
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, over)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>
    /// Waits as long as memory may take to come back. The short form waits no longer than until enough has.
    /// </summary>
    private async Task<long> RestAsync(ServerProcess server, long enoughBytes)
    {
        var begun = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, Token);
        }
        while (TimeProvider.System.GetElapsedTime(begun) < QuietTime &&
            (IsLong || server.ResidentBytes > enoughBytes));
        return server.ResidentBytes;
    }

    private static async Task<string> RunTurnAsync(TurnSocket socket, byte[] create, CancellationToken token)
    {
        await socket.SendAsync(create, token);
        return (await ReadTurnAsync(socket, token)).Type;
    }

    private static async Task<(string Type, JsonElement Json)> ReadTurnAsync(TurnSocket socket, CancellationToken token)
    {
        while (true)
        {
            var json = await socket.ReceiveAsync(token);
            var type = json.GetProperty("type").GetString()!;
            if (type is "response.completed" or "response.failed" or "error")
            {
                return (type, json);
            }
        }
    }

    private static byte[] Create(string text, string? previous = null, bool isStored = true) =>
        Encoding.UTF8.GetBytes(Invariant($"{{\"type\":\"response.create\",\"model\":\"demo\",") +
            Invariant($"\"store\":{(isStored ? "true" : "false")},\"input\":\"{text}\"") +
            (previous is null ? "}" : Invariant($",\"previous_response_id\":\"{previous}\"}}")));

    private static string KeyOf(int holder) => Invariant($"sk-holder-{holder}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What one run saw.</summary>
    private sealed class Outcome
    {
        public int Taken;
        public int Refused;

        public required string Kind { get; init; }

        public int Turns { get; set; }

        public TimeSpan Slowest { get; set; }

        public long Peak { get; set; }

        public long After { get; set; }
    }
}
