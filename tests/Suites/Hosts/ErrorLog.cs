using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Evergrain.Suites.Hosts;

/// <summary>Collects errors; one that its test did not expect fails the test.</summary>
public sealed class ErrorLog : ILogger, ILoggerProvider
{
    private readonly ConcurrentQueue<(int Event, string Text)> _errors = new();
    private readonly ConcurrentDictionary<int, bool> _expected = new();

    /// <summary>The ids of the error events so far.</summary>
    public IEnumerable<int> Events => _errors.Select(error => error.Event);

    /// <summary>Errors with these event ids are what the test is about.</summary>
    public void Expect(params int[] events)
    {
        foreach (var id in events)
        {
            _expected[id] = true;
        }
    }

    public void Check() => Assert.DoesNotContain(_errors, error => !_expected.ContainsKey(error.Event));

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
        // It outlives its loggers.
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            _errors.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}"));
        }
    }
}
