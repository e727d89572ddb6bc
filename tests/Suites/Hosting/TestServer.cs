using System.Collections.Concurrent;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Suites.Hosting;

/// <summary>
/// A real server on a free port of 127.0.0.1. An error that nobody expected in its log fails the test.
/// </summary>
public sealed class TestServer : IAsyncDisposable
{
    /// <summary>The one bound on every wait of a test; reaching it is a failure.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly WebApplication _app;
    private readonly ConversationsHost _host;
    private readonly LogCollector _log;

    private TestServer(WebApplication app, ConversationsHost host, LogCollector log) =>
        (_app, _host, _log) = (app, host, log);

    public Uri Address => new(_app.Urls.First());

    /// <summary>The operations port, where one is set.</summary>
    public Uri Operations => new(_app.Urls.ElementAt(1));

    public Uri Socket => new UriBuilder(Address) { Scheme = "ws", Path = "/v1/responses" }.Uri;

    public IReadOnlyCollection<string> Warnings => _log.Lines;

    /// <summary>Whether an error in the log is what the test is about.</summary>
    public bool ExpectsErrors { get; set; }

    public static async Task<TestServer> StartAsync(ConversationsHost host,
        params (string Option, string Value)[] settings)
    {
        var log = new LogCollector();
        var app = Build(host, log, settings);
        await app.StartAsync();
        return new TestServer(app, host, log);
    }

    public HttpClient CreateHttpClient() => new() { BaseAddress = Address, Timeout = Patience };

    public T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>What SIGTERM does.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        await _host.DisposeAsync();
        Assert.True(ExpectsErrors || _log.Errors.IsEmpty, string.Join('\n', _log.Errors));
    }

    private static WebApplication Build(ConversationsHost host, LogCollector log,
        (string Option, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.Configuration["Evergrain:Port"] = "0";
        builder.Configuration["Evergrain:CloseTimeout"] = "00:00:01";
        foreach (var (option, value) in settings)
        {
            builder.Configuration[$"Evergrain:{option}"] = value;
        }

        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(host.Turns);
        builder.Services.AddSingleton(host.Conversations);
        builder.Services.AddSingleton(host.Clock);
        foreach (var backend in host.Backends)
        {
            builder.Services.AddSingleton(backend);
        }

        builder.Services.AddEvergrainFrontend(builder.Configuration);
        return builder.Build().MapEvergrain();
    }

    private sealed class LogCollector : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = new();

        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var line = $"{formatter(state, exception)} {exception}";
            Lines.Enqueue(line);
            if (logLevel >= LogLevel.Error)
            {
                Errors.Enqueue(line);
            }
        }

        public void Dispose()
        {
        }
    }
}
