using System.Diagnostics;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Evergrain.Load.Client;

namespace Evergrain.Load.Questions;

/// <summary>
/// One agent of a long run: conversations of a few turns, one after another, over a socket that it opens again whenever
/// it breaks. Each fifth agent stores nothing.
/// </summary>
/// <param name="number">Which one it is.</param>
/// <param name="port">Where the server listens now.</param>
/// <param name="tally">Is told of each turn and each error.</param>
/// <param name="isIdle">Whether it only holds its socket open.</param>
internal sealed partial class GrowthClient(int number, Func<int> port, OverloadTally tally, bool isIdle = false)
{
    private const int TurnsEach = 5;
    private const int UnstoredEach = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BrokenPause = TimeSpan.FromSeconds(1);
    private readonly Random _chance = new(number);
    private readonly string _message = Create.Script("""{"say":"done"}""");
    private string? _last;
    private int _turns;

    /// <summary>Runs until it is stopped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await WaitAsync(Pause * _chance.NextDouble(), cancellationToken);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using var wire = WireSocket.Open(port());
                await TalkAsync(wire, cancellationToken);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                tally.Failed("the socket broke, or could not be opened");
                await WaitAsync(BrokenPause * (1 + _chance.NextDouble()), cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task TalkAsync(WireSocket wire, CancellationToken cancellationToken)
    {
        while (isIdle)
        {
            await wire.ReadAsync(cancellationToken);
        }

        while (!cancellationToken.IsCancellationRequested)
        {
            if (_turns++ % TurnsEach == 0)
            {
                _last = null;
            }

            var begun = Stopwatch.GetTimestamp();
            var create = Create.Turn(_last, [_message], withTools: false, store: number % UnstoredEach != 0);
            await wire.SendAsync(create, cancellationToken);
            if (await EndAsync(wire, cancellationToken))
            {
                tally.Completed(Stopwatch.GetElapsedTime(begun));
            }

            await WaitAsync(Pause * (0.5 + _chance.NextDouble()), cancellationToken);
        }
    }

    /// <summary>Reads to the turn's end; false: it did not complete, and the next one begins a conversation.</summary>
    private async Task<bool> EndAsync(WireSocket wire, CancellationToken cancellationToken)
    {
        while (true)
        {
            var frame = (await wire.ReadAsync(cancellationToken)).Span;
            if (Conversation.Is(frame, "response.completed"u8))
            {
                _last = Conversation.Text(frame, "\"id\":\""u8);
                return true;
            }

            var isIncomplete = Conversation.Is(frame, "response.incomplete"u8);
            if (isIncomplete || Conversation.Is(frame, "error"u8) || Conversation.Is(frame, "response.failed"u8))
            {
                tally.Failed(isIncomplete ? "incomplete" : NameOf(frame));
                (_last, _turns) = (null, 0);
                return false;
            }
        }
    }

    /// <summary>The error's code and message, without the ids in it.</summary>
    private static string NameOf(ReadOnlySpan<byte> frame) => Conversation.Text(frame, "\"code\":\""u8) + ": " +
        IdOrNumber().Replace(Conversation.Text(frame, "\"message\":\""u8), "…");

    [GeneratedRegex("[a-z]+_[0-9A-Za-z_]{8,}|[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdOrNumber();

    private static async Task WaitAsync(TimeSpan time, CancellationToken cancellationToken) =>
        await Task.Delay(time, TimeProvider.System, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
