using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// This process as a member of the cluster. The host starts everything else first, so that health can be asked for
/// while the process joins, and a port that is taken is found before; and it stops this last. The last that began is
/// the first to stop.
/// </summary>
internal sealed class ClusterMember : IHostedLifecycleService, IDisposable
{
    private readonly IServiceProvider _services;
    private readonly IReadOnlyList<ServiceDescriptor> _registered;
    private readonly Stack<IHostedService> _begun = new();
    private readonly CancellationTokenSource _hurry = new();
    private CancellationTokenRegistration _registration;
    private volatile bool _hasJoined;
    private volatile Task? _leaving;

    private ClusterMember(IServiceProvider services, IReadOnlyList<ServiceDescriptor> registered) =>
        (_services, _registered) = (services, registered);

    /// <summary>Whether it has joined, and not begun to leave.</summary>
    public bool HasJoined => _hasJoined;

    /// <summary>Takes over the hosted services that <paramref name="register"/> adds.</summary>
    public static void Register(IServiceCollection services, Action register)
    {
        var others = services.ToHashSet();
        register();
        var own = services.Where(service => service.ServiceType == typeof(IHostedService) && !others.Contains(service))
            .ToList();
        own.ForEach(service => services.Remove(service));
        services.AddSingleton(provider => new ClusterMember(provider, own));
        services.AddHostedService(static provider => provider.GetRequiredService<ClusterMember>());
    }

    /// <summary>Joins.</summary>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        foreach (var part in _registered.Select(Create))
        {
            _begun.Push(part);
            await OfAsync(part, (stage, token) => stage.StartingAsync(token), cancellationToken);
            await part.StartAsync(cancellationToken);
            await OfAsync(part, (stage, token) => stage.StartedAsync(token), cancellationToken);
        }

        _hasJoined = true;
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Conversations at rest move while running turns have their time, here and at the frontends.
        _registration = _services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() =>
            _leaving = _hasJoined ? Task.Run(() => LeaveAsync(_hurry.Token)) : null);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await using var late = cancellationToken.Register(_hurry.Cancel);
        await (_leaving ?? LeaveAsync(_hurry.Token));
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _hasJoined = false;
        foreach (var part in _begun)
        {
            await part.StopAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) =>
        OfAllAsync((stage, token) => stage.StoppedAsync(token), cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _registration.Dispose();
        _hurry.Dispose();
    }

    private Task LeaveAsync(CancellationToken cancellationToken) =>
        OfAllAsync((stage, token) => stage.StoppingAsync(token), cancellationToken);

    private async Task OfAllAsync(Func<IHostedLifecycleService, CancellationToken, Task> run, CancellationToken token)
    {
        foreach (var part in _begun)
        {
            await OfAsync(part, run, token);
        }
    }

    private static Task OfAsync(IHostedService part, Func<IHostedLifecycleService, CancellationToken, Task> run,
        CancellationToken token) => part is IHostedLifecycleService stage ? run(stage, token) : Task.CompletedTask;

    private IHostedService Create(ServiceDescriptor registered) => (IHostedService)(
        registered.ImplementationInstance ??
        registered.ImplementationFactory?.Invoke(_services) ??
        ActivatorUtilities.CreateInstance(_services, registered.ImplementationType!));
}
