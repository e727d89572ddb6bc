using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Ends the process when its stop takes longer than it may. The host gives up what does not stop in time, and then
/// still waits for calls that nobody can cancel, such as those to a database that hangs.
/// </summary>
internal sealed class StopBound(TimeProvider time, Action<string> end) : IDisposable
{
    /// <summary>How much longer than the host's own bound a stop may take.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    private CancellationTokenRegistration _registration;
    private ITimer? _timer;

    /// <summary>One that ends this process.</summary>
    public StopBound()
        : this(TimeProvider.System, static reason =>
        {
            Console.Error.WriteLine(reason);
            Environment.Exit(1);
        })
    {
    }

    /// <summary>Bounds the stop of a server, whose settings hold.</summary>
    public void Watch(WebApplication app) => Watch(app.Lifetime.ApplicationStopping,
        app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout + Slack);

    /// <summary>Bounds the time from a token's cancellation until this is disposed.</summary>
    internal void Watch(CancellationToken stopping, TimeSpan timeMax) => _registration = stopping.Register(() =>
        _timer = time.CreateTimer(_ => end(FormattableString.Invariant(
            $"evergrain: its stop took longer than {timeMax.TotalSeconds:0.#} s, so it ends now; running turns end ") +
            "as interrupted."), null, timeMax, Timeout.InfiniteTimeSpan));

    /// <inheritdoc/>
    public void Dispose()
    {
        _registration.Dispose();
        _timer?.Dispose();
    }
}
