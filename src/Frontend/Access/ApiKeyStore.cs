using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Holds the current keys and rereads their files. Bytes are compared, not times: that also sees a replaced symbolic
/// link. A file that is missing or does not parse changes nothing and is reported once. A file without keys takes all
/// its keys away.
/// </summary>
/// <remarks>A connection that is already open outlives its key until its lifetime ends.</remarks>
internal sealed partial class ApiKeyStore : BackgroundService
{
    private readonly EvergrainOptions _options;
    private readonly TimeProvider _time;
    private readonly AuditLog _audit;
    private readonly ILogger<ApiKeyStore> _logger;
    private volatile ApiKeySet _keys;
    private KeyFiles _seen;

    public ApiKeyStore(IOptions<EvergrainOptions> options, TimeProvider time, AuditLog audit,
        ILogger<ApiKeyStore> logger)
    {
        (_options, _time, _audit, _logger) = (options.Value, time, audit, logger);
        _seen = KeyFiles.Read(_options);
        _keys = ApiKeySet.Load(_options, _seen, []);
        ReportNone();
    }

    /// <summary>Whether a key is asked for at all. It never changes, whatever becomes of the files.</summary>
    public bool IsRequired => _options.HasKeys;

    /// <summary>Whether operators have keys of their own.</summary>
    public bool HasOperators => _options.OperatorKeys.Count > 0 || _options.OperatorKeysFile is not null;

    private bool HasFile => _options.ApiKeysFile is not null || _options.OperatorKeysFile is not null;

    public string? FindTenant(ReadOnlySpan<byte> key) => _keys.FindTenant(key);

    /// <summary>Looks at the files once; returns whether one had changed.</summary>
    internal bool Reload()
    {
        var files = KeyFiles.Read(_options);
        if (files.IsSameAs(_seen))
        {
            return false;
        }

        _seen = files;
        var mistakes = new List<string>();
        var (old, keys) = (_keys, ApiKeySet.Load(_options, files, mistakes));
        if (mistakes.Count > 0)
        {
            LogKept(string.Join(' ', mistakes));
            return true;
        }

        _keys = keys;
        LogReloaded(keys.Count(ofOperators: false), keys.Count(ofOperators: true));
        _audit.KeysChanged(keys.Except(old), old.Except(keys));
        ReportNone();
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!HasFile)
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

    /// <summary>Says that nobody can enter: a file may be empty by mistake.</summary>
    private void ReportNone()
    {
        if (IsRequired && _keys.Count(ofOperators: false) == 0)
        {
            LogNone("API", nameof(_options.ApiKeys), nameof(_options.ApiKeysFile), "every client");
        }

        if (HasOperators && _keys.Count(ofOperators: true) == 0)
        {
            LogNone("operator", nameof(_options.OperatorKeys), nameof(_options.OperatorKeysFile), "every operator");
        }
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "Kept the old API keys. {Why}")]
    private partial void LogKept(string why);

    [LoggerMessage(EventId = 1102, Level = LogLevel.Information,
        Message = "Reread the key files: {Count} API keys, {Operators} operator keys.")]
    private partial void LogReloaded(int count, int operators);

    [LoggerMessage(EventId = 1103, Level = LogLevel.Warning,
        Message = "There is no {Kind} key in {Setting} and {FileSetting}: {Who} is refused.")]
    private partial void LogNone(string kind, string setting, string fileSetting, string who);
}
