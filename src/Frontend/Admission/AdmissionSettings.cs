using System.Text.Json;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Listening;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Holds the bounds in force and rereads the settings files they came from. The files' bytes are compared, not their
/// times. A file with a mistake, or one that is gone, changes nothing and is reported once.
/// </summary>
internal sealed partial class AdmissionSettings : BackgroundService
{
    private readonly IConfiguration _configuration;
    private readonly FileBounds _openFiles;
    private readonly TimeProvider _time;
    private readonly ILogger<AdmissionSettings> _logger;
    private readonly SettingsFile[] _files;
    private volatile AdmissionBounds _current;
    private Action _refresh = static () => { };

    public AdmissionSettings(IConfiguration configuration, FileBounds openFiles, TimeProvider time,
        ILogger<AdmissionSettings> logger)
    {
        (_configuration, _openFiles, _time, _logger) = (configuration, openFiles, time, logger);
        _files = FilesOf(configuration);
        Array.ForEach(_files, static file => file.Look());
        _current = AdmissionBounds.Load(configuration, [], openFiles);
    }

    public AdmissionBounds Current => _current;

    /// <summary>Has <paramref name="refresh"/> called, for good, whenever <see cref="Current"/> is new.</summary>
    public void OnChange(Action refresh)
    {
        lock (_files)
        {
            _refresh += refresh;
        }
    }

    /// <summary>Looks at the files once; returns whether one had changed.</summary>
    internal bool Reload()
    {
        var changed = Array.FindAll(_files, static file => file.Look());
        if (changed.Length == 0)
        {
            return false;
        }

        var mistakes = new List<string>();
        var bounds = ReadAgain(changed, mistakes);
        var paths = string.Join(", ", changed.Select(static file => file.Path));
        if (bounds is null || mistakes.Count > 0)
        {
            LogKept(paths, string.Join(' ', mistakes));
            return true;
        }

        _current = bounds;
        _refresh();
        LogReloaded(paths, bounds.TenantCount);
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_files.Length == 0)
        {
            return;
        }

        using var timer = new PeriodicTimer(_current.All.RereadInterval, _time);
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

    private AdmissionBounds? ReadAgain(SettingsFile[] changed, List<string> mistakes)
    {
        // A file that is gone would count as an empty one, and all its bounds as lifted.
        mistakes.AddRange(changed.Where(static file => file.IsGone).Select(static file => $"{file.Path} is gone."));
        if (mistakes.Count > 0)
        {
            return null;
        }

        try
        {
            // Nothing else follows the configuration: the other options were bound when the server started.
            ((IConfigurationRoot)_configuration).Reload();
            return AdmissionBounds.Load(_configuration, mistakes, _openFiles);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            mistakes.Add(e.GetBaseException() is JsonException wrong
                ? $"It is not valid JSON: {JsonPlace.Of(wrong)}."
                : e.GetBaseException().Message);
            return null;
        }
    }

    private static SettingsFile[] FilesOf(IConfiguration configuration) => configuration is not IConfigurationRoot root
        ? []
        : [.. root.Providers.OfType<FileConfigurationProvider>()
            .Select(static provider => provider.Source)
            .Select(static source => source.FileProvider?.GetFileInfo(source.Path ?? string.Empty).PhysicalPath)
            .OfType<string>()
            .Select(static path => new SettingsFile(path))];

    [LoggerMessage(EventId = 1201, Level = LogLevel.Warning, Message = "Kept the old bounds: {Path} is wrong. {Why}")]
    private partial void LogKept(string path, string why);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Information,
        Message = "Reread {Path}: {Count} tenants have bounds of their own.")]
    private partial void LogReloaded(string path, int count);

    /// <summary>A file and its bytes when it was last looked at; null: it was not there or could not be read.</summary>
    private sealed class SettingsFile(string path)
    {
        private byte[]? _seen;

        public string Path { get; } = path;

        public bool IsGone => _seen is null;

        /// <summary>Whether it is another than at the last look.</summary>
        public bool Look()
        {
            var bytes = Read();
            if (bytes.AsSpan().SequenceEqual(_seen) && bytes is null == _seen is null)
            {
                return false;
            }

            _seen = bytes;
            return true;
        }

        private byte[]? Read()
        {
            try
            {
                return File.ReadAllBytes(Path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }
}
