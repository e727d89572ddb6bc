using System.Diagnostics;
using System.Globalization;
using System.Text;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Load.Questions;

/// <summary>What the clients of one tenant met, while it was measured. Any thread may add.</summary>
internal sealed class OverloadTally
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, int> _errors = new(StringComparer.Ordinal);
    private bool _isMeasuring;

    /// <summary>Milliseconds of turns that completed, from the create's first byte to the terminal event.</summary>
    public Samples Turns { get; } = new();

    /// <summary>Errors by status and code, all that there were.</summary>
    public IReadOnlyDictionary<string, int> Errors => _errors;

    public void Measure(bool isOn)
    {
        lock (_gate)
        {
            _isMeasuring = isOn;
        }
    }

    public void Completed(TimeSpan took)
    {
        lock (_gate)
        {
            if (_isMeasuring)
            {
                Turns.Add(took.TotalMilliseconds);
            }
        }
    }

    /// <summary>Counts an error, measured or not: none may be other than documented at any time.</summary>
    public void Failed(string what)
    {
        lock (_gate)
        {
            _errors[what] = _errors.GetValueOrDefault(what) + 1;
        }
    }
}

/// <summary>
/// One agent: a turn, a pause for its tool, the next turn of the same conversation. When it is refused it waits as
/// long as it was told, and asks again.
/// </summary>
internal sealed class OverloadClient(WireSocket wire, OverloadTally tally, TimeSpan pause, Random chance)
{
    private readonly string _message = Create.Script(
        $$"""{"say":"done","delay_ms":{{OverloadQuestion.CallMilliseconds}}}""");

    private string? _last;

    /// <summary>Runs until it is stopped, or its connection breaks.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PauseAsync(pause * chance.NextDouble(), cancellationToken);
            while (true)
            {
                var begun = Stopwatch.GetTimestamp();
                if (await TurnAsync(cancellationToken) is { } delay)
                {
                    await PauseAsync(delay, cancellationToken);
                    continue;
                }

                tally.Completed(Stopwatch.GetElapsedTime(begun));
                await PauseAsync(pause * (0.5 + chance.NextDouble()), cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        catch (IOException e)
        {
            tally.Failed(e.Message);
        }
    }

    /// <summary>Runs one turn; null if it completed, else how long to wait.</summary>
    private async Task<TimeSpan?> TurnAsync(CancellationToken cancellationToken)
    {
        await wire.SendAsync(Create.Turn(_last, [_message], withTools: false), cancellationToken);
        while (true)
        {
            var frame = (await wire.ReadAsync(cancellationToken)).Span;
            if (Conversation.Is(frame, "response.completed"u8))
            {
                _last = Conversation.Text(frame, "\"id\":\""u8);
                return null;
            }

            if (Conversation.Is(frame, "error"u8))
            {
                return Refused(frame);
            }

            if (Conversation.Is(frame, "response.failed"u8) || Conversation.Is(frame, "response.incomplete"u8))
            {
                throw new IOException("A turn ended otherwise: " + Encoding.UTF8.GetString(frame));
            }
        }
    }

    private TimeSpan Refused(ReadOnlySpan<byte> frame)
    {
        const string retryAfter = "\"retry-after\":\"";
        var text = Encoding.UTF8.GetString(frame);
        var status = text[(text.IndexOf("\"status\":", StringComparison.Ordinal) + 9)..][..3];
        var name = $"{status} {Conversation.Text(frame, "\"code\":\""u8)}";
        if (!text.Contains(retryAfter, StringComparison.Ordinal))
        {
            throw new IOException($"{name}, without a time to come back: {text}");
        }

        tally.Failed(name);
        var seconds = Conversation.Text(frame, "\"retry-after\":\""u8);
        return TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture));
    }

    private static Task PauseAsync(TimeSpan time, CancellationToken cancellationToken) =>
        time > TimeSpan.Zero ? Task.Delay(time, TimeProvider.System, cancellationToken) : Task.CompletedTask;
}
