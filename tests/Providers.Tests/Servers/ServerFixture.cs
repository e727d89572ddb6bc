using System.Diagnostics.Metrics;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>A backend over URLs of the test, its clock, and what it logged and counted.</summary>
internal sealed class ServerFixture : IDisposable
{
    private readonly ServiceProvider _provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _counts = new(StringComparer.Ordinal);

    public ServerFixture(ModelServerOptions options, IModelApi? api = null, TimeProvider? time = null,
        DialectChoice? dialect = null)
    {
        options.Name = options.Name.Length > 0 ? options.Name : "test";
        Options = options;
        var meters = _provider.GetRequiredService<IMeterFactory>();
        Services = new ModelServerServices
        {
            Time = time ?? TimeProvider.System,
            Ids = new SeededIdSource(1),
            Instruments = new ModelServerInstruments(meters),
            Logger = Log,
        };
        Backend = new ModelServerBackend(
            new ModelServer(options, api ?? new TestApi(), Services),
            dialect ?? DialectChoice.Of("plain", options.Urls),
            new ModelRoute(new ModelNames([options.Models]), 0));
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public ModelServerOptions Options { get; }

    public ModelServerServices Services { get; }

    public ModelServerBackend Backend { get; }

    public LineLog Log { get; } = new();

    public static ServerFixture Over(params string[] urls) => new(At(urls));

    public static ModelServerOptions At(params string[] urls)
    {
        var options = new ModelServerOptions { Api = "test" };
        Array.ForEach(urls, options.Urls.Add);
        return options;
    }

    /// <summary>A call whose context holds these items.</summary>
    public static ModelCall Call(UInt128 affinity = default, params string[] items) =>
        Call(default(TraceContext), affinity, items);

    /// <summary>The same within a trace.</summary>
    public static ModelCall Call(TraceContext trace, UInt128 affinity = default, params string[] items)
    {
        ReadOnlyMemory<byte>[] chunks =
            [.. items.Select(static item => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(',' + item))];
        return new ModelCall
        {
            Model = "m",
            Parameters = new Parameters([]),
            Context = new ContextView(null, chunks)
            {
                ItemCount = chunks.Length,
                Bytes = chunks.Sum(static chunk => (long)chunk.Length),
                Tokens = chunks.Length,
                State = null,
            },
            NewItems = chunks.Length,
            Affinity = affinity,
            Trace = trace,
        };
    }

    /// <summary>What a counter has counted, over those tags.</summary>
    public double Count(string instrument, string tags = "")
    {
        lock (_counts)
        {
            return _counts.GetValueOrDefault($"{instrument} {tags}".TrimEnd());
        }
    }

    /// <summary>Runs one call to its end; a word for each event.</summary>
    public async Task<IReadOnlyList<ModelEvent>> AskAsync(ModelCall? call = null)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        var events = new List<ModelEvent>();
        await foreach (var modelEvent in Backend.StreamAsync(call ?? Call(), patience.Token))
        {
            events.Add(modelEvent);
        }

        return events;
    }

    public void Dispose()
    {
        Backend.Dispose();
        _listener.Dispose();
        _provider.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = $"{instrument.Name} {string.Join(' ', tags.ToArray().Select(static tag => tag.Value))}".TrimEnd();
        lock (_counts)
        {
            _counts[name] = _counts.GetValueOrDefault(name) + value;
        }
    }
}

/// <summary>Keeps the lines that were logged.</summary>
internal sealed class LineLog : ILogger
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add($"{logLevel} {eventId.Id} {formatter(state, exception)} {exception}");
        }
    }
}
