using System.Threading.Channels;
using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Writes audit lines where <see cref="EvergrainOptions.Audit"/> says, beside the requests. The file is opened for each
/// batch, so it may be moved away at any time.
/// </summary>
/// <remarks>A line that cannot be written, or finds the queue full, is lost and counted in the log. A process that is
/// killed loses the lines of its last moment.</remarks>
internal sealed partial class AuditSink : IHostedService
{
    private const string Off = "off", Stdout = "stdout";

    // A line has some 300 bytes.
    private const int QueuedLinesMax = 10_000;

    private readonly Channel<byte[]> _lines = Channel.CreateBounded<byte[]>(
        new BoundedChannelOptions(QueuedLinesMax) { SingleReader = true });

    private readonly string _place;
    private readonly MinuteLines _lossLines;
    private readonly ILogger<AuditSink> _logger;
    private Task _writing = Task.CompletedTask;
    private long _lost;

    public AuditSink(IOptions<EvergrainOptions> options, TimeProvider time, ILogger<AuditSink> logger) =>
        (_place, _lossLines, _logger) = (options.Value.Audit, new MinuteLines(time), logger);

    /// <summary>Whether lines are wanted at all.</summary>
    public bool IsOn => _place != Off;

    /// <summary>Hands over one line, which is written soon.</summary>
    public void Write(byte[] line)
    {
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _writing = IsOn ? WriteAllAsync() : Task.CompletedTask;
        return Task.CompletedTask;
    }

    /// <summary>Writes what is queued, and stops.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _lines.Writer.TryComplete();
        await _writing.WaitAsync(cancellationToken);
    }

    /// <summary>What is wrong with the setting, a sentence each.</summary>
    public static IEnumerable<string> FindMistakes(EvergrainOptions options)
    {
        if (options.Audit is Off or Stdout)
        {
            yield break;
        }

        string? why = null;
        try
        {
            using var file = Open(options.Audit);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            why = e.Message;
        }

        if (why is not null)
        {
            yield return $"Audit: '{options.Audit}' is neither off nor stdout nor a file that can be written: {why}";
        }
    }

    private async Task WriteAllAsync()
    {
        // Until the writer is completed: what was said before the stop is written.
        while (await _lines.Reader.WaitToReadAsync(CancellationToken.None))
        {
            var batch = new List<byte[]>();
            while (batch.Count < QueuedLinesMax && _lines.Reader.TryRead(out var line))
            {
                batch.Add(line);
            }

            await WriteAsync(batch);
        }
    }

    private async Task WriteAsync(List<byte[]> batch)
    {
        var why = "more lines came than could be written";
        try
        {
            await using var stream = _place == Stdout ? Console.OpenStandardOutput() : Open(_place);
            await stream.WriteAsync(batch.SelectMany(static line => line).ToArray());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Interlocked.Add(ref _lost, batch.Count);
            why = e.Message;
        }

        if (Interlocked.Exchange(ref _lost, 0) is > 0 and var lost && _lossLines.Add(0, lost) is { } count)
        {
            LogLost(count, _place, why);
        }
    }

    private static FileStream Open(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    [LoggerMessage(EventId = 1104, Level = LogLevel.Warning,
        Message = "{Count} audit lines were not written to {Place}: {Why}.")]
    private partial void LogLost(long count, string place, string why);
}
