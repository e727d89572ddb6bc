using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Holds the current keys and rereads their file. The file's bytes are compared, not its time: that also sees a
/// replaced symbolic link. A file that does not parse changes nothing and is reported once.
/// </summary>
/// <remarks>A connection that is already open outlives its key until its lifetime ends.</remarks>
internal sealed partial class ApiKeyStore : BackgroundService
{
    private readonly EvergrainOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ApiKeyStore> _logger;
    private volatile ApiKeySet _keys;
    private byte[] _seen;

    public ApiKeyStore(IOptions<EvergrainOptions> options, TimeProvider time, ILogger<ApiKeyStore> logger)
    {
        (_options, _time, _logger) = (options.Value, time, logger);
        _seen = ReadFile();
        _keys = ApiKeySet.Load(_options, []);
    }

    /// <summary>Whether a key is asked for at all.</summary>
    public bool IsRequired => _options.ApiKeys.Count > 0 || _options.ApiKeysFile is not null;

    public string? FindTenant(ReadOnlySpan<byte> key) => _keys.FindTenant(key);

    /// <summary>Looks at the file once; returns whether it had changed.</summary>
    internal bool Reload()
    {
        var bytes = ReadFile();
        if (bytes.AsSpan().SequenceEqual(_seen))
        {
            return false;
        }

        _seen = bytes;
        var mistakes = new List<string>();
        var keys = ApiKeySet.Load(_options, mistakes);
        if (mistakes.Count > 0)
        {
            LogKept(_options.ApiKeysFile!, string.Join(' ', mistakes));
            return true;
        }

        _keys = keys;
        LogReloaded(_options.ApiKeysFile!, keys.Count);
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options.ApiKeysFile is null)
        {
            return;
        }

        using var timer = new PeriodicTimer(_options.ApiKeysInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Reload();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // After a start that failed the host would take it for a fault of ours and say so.
        }
    }

    private byte[] ReadFile()
    {
        try
        {
            return _options.ApiKeysFile is { } path ? File.ReadAllBytes(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return [];
        }
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "Kept the old API keys: {Path} is wrong. {Why}")]
    private partial void LogKept(string path, string why);

    [LoggerMessage(EventId = 1102, Level = LogLevel.Information, Message = "Reread {Path}: {Count} API keys.")]
    private partial void LogReloaded(string path, int count);
}
