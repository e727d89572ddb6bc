using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>What looping clients do; chance comes from the seed.</summary>
internal sealed record LoopPlan(int Seed, int Conversations, int ContextBytes, TimeSpan TurnMin, TimeSpan TurnMax,
    string? Key = null);

/// <summary>
/// A client of one stored conversation: it runs one turn after the other, each with one new item, and never sends what
/// it sent before. Where a connection breaks it makes another and sends the same create, with its key, again.
/// </summary>
internal sealed class LoopingClient(int crowd, int number, LoopPlan plan, Uri address) : IDisposable
{
    private const int FillerItems = 4;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // From the first try to the terminal event: clients that hang fail the test.
    private static readonly TimeSpan TurnPatience = Waits.Patience;

    private readonly Random _random = new(HashOf(plan.Seed, crowd, number));
    private readonly List<LoopTurn> _turns = [];
    private readonly Lock _lock = new();
    private TurnSocket? _socket;

    public SentConversation Conversation { get; } = new();

    /// <summary>Connections that broke, or could not be made.</summary>
    public int Breaks { get; private set; }

    /// <summary>Of them, connections that could not be made.</summary>
    public int Refusals { get; private set; }

    /// <summary>Of them, connections that broke when an event of their turn had come.</summary>
    public int Cuts { get; private set; }

    /// <summary>Error frames: their texts.</summary>
    public List<string> Errors { get; } = [];

    public IReadOnlyList<LoopTurn> Turns
    {
        get
        {
            lock (_lock)
            {
                return [.. _turns];
            }
        }
    }

    /// <summary>The first turn, which brings the context.</summary>
    public Task FillAsync(CancellationToken cancellationToken) => RunTurnAsync(cancellationToken);

    /// <summary>One turn after the other, until it is over.</summary>
    public async Task LoopAsync(Func<bool> isOver, CancellationToken cancellationToken)
    {
        while (!isOver())
        {
            await RunTurnAsync(cancellationToken);
        }
    }

    public void Dispose() => _socket?.Dispose();

    private async Task RunTurnAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TurnPatience);
        var turn = Next();
        try
        {
            await InsistAsync(turn, patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Assert.Fail(
                $"{turn.Sent.Nonce} ({turn.Sent.Id}) did not end within {TurnPatience}; {string.Join(' ', Errors)}");
        }

        Assert.True(turn.IsInterrupted || turn.Sent.Response!.Status == "completed", turn.Sent.Response!.Raw);
    }

    private async Task InsistAsync(LoopTurn turn, CancellationToken cancellationToken)
    {
        while (!turn.Sent.IsAcknowledged)
        {
            try
            {
                turn.Again();
                await TryAsync(turn, cancellationToken);
            }
            catch (Exception e) when (e is WebSocketException or IOException or HttpRequestException)
            {
                Breaks++;
                Refusals += _socket is null ? 1 : 0;
                Cuts += turn.HasEvents ? 1 : 0;
                _socket?.Dispose();
                _socket = null;
            }

            if (!turn.Sent.IsAcknowledged)
            {
                await Task.Delay(Pause, TimeProvider.System, cancellationToken);
            }
        }
    }

    private async Task TryAsync(LoopTurn turn, CancellationToken cancellationToken)
    {
        _socket ??= await TurnSocket.ConnectAsync(
            address, $"session-{number}", cancellationToken, plan.Key ?? ClusterProcess.ClientKey);
        await _socket.SendAsync(turn.Sent.Create(isKeyed: true), cancellationToken);
        while (!turn.Sent.IsAcknowledged)
        {
            var frame = await _socket.ReceiveAsync(cancellationToken);
            if (frame.TypeOf() == "error")
            {
                Errors.Add($"{turn.Sent.Nonce}: {frame}");
                Assert.True(frame.GetProperty("status").GetInt32() == 503, Errors[^1]);
                return;
            }

            turn.See(frame);
        }
    }

    private LoopTurn Next()
    {
        var parent = _turns.LastOrDefault()?.Sent;
        var nonce = string.Create(CultureInfo.InvariantCulture, $"c{crowd}-{number}-{_turns.Count}");
        var pace = ModelPace.Of(parent is null
            ? plan.TurnMin
            : plan.TurnMin + ((plan.TurnMax - plan.TurnMin) * _random.NextDouble()));
        var sent = new SentTurn
        {
            Nonce = nonce,
            Client = number,
            Conversation = Conversation,
            Parent = parent,
            Input = [.. parent is null ? Filler() : [], Message($"task {nonce}\n{pace.Script()}")],
        };
        Conversation.Add(sent);
        var turn = new LoopTurn(sent, pace);
        lock (_lock)
        {
            _turns.Add(turn);
        }

        return turn;
    }

    // Not HashCode: it differs from process to process.
    private static int HashOf(int seed, int crowd, int number) => seed + (crowd * 10_007) + number;

    private IEnumerable<JsonElement> Filler()
    {
        var bytes = new byte[plan.ContextBytes / FillerItems / 2];
        for (var i = 0; i < FillerItems; i++)
        {
            _random.NextBytes(bytes);
            yield return Message(Convert.ToHexString(bytes));
        }
    }

    private static JsonElement Message(string text) => JsonSerializer.SerializeToElement(
        new { type = "message", role = "user", content = new[] { new { type = "input_text", text } } });
}
