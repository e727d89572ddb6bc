using System.Diagnostics.Metrics;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Admission on a manual clock, with its bounds in a file, in front of models that take some calls.</summary>
internal sealed class AdmissionHost : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"evergrain-{Guid.CreateVersion7():N}.json");
    private readonly ServiceProvider _services;
    private int _writes;

    public AdmissionHost(string settings = "{}", params IModelBackend[] models)
    {
        File.WriteAllText(_file, settings);
        var configuration = new ConfigurationBuilder().AddJsonFile(_file).Build();
        var services = new ServiceCollection().AddLogging().AddMetrics().AddSingleton<TimeProvider>(Time)
            .AddAdmission(configuration);
        foreach (var model in models)
        {
            services.AddSingleton(model);
        }

        _services = services.BuildServiceProvider();

        // What a rewrite changes is what was read before it, also where the first step is a rewrite.
        Settings = _services.GetRequiredService<AdmissionSettings>();
    }

    public ManualTime Time { get; } = new();

    public TurnGate Gate => _services.GetRequiredService<TurnGate>();

    public ByteBudget Budget => _services.GetRequiredService<ByteBudget>();

    public ConnectionGate Connections => _services.GetRequiredService<ConnectionGate>();

    public AdmissionSettings Settings { get; }

    /// <summary>Settings of admission and of tenants, as the file has them.</summary>
    public static string Json(string all, string tenants = "{}") =>
        $$$"""{"Evergrain":{"Admission":{{{all}}},"Tenants":{{{tenants}}}}}""";

    /// <summary>Writes the file anew, never twice the same, and has it reread.</summary>
    public void Rewrite(string settings)
    {
        File.WriteAllText(_file, settings + new string(' ', ++_writes));
        Assert.True(Settings.Reload());
    }

    /// <summary>Enters a turn, which the test then has wait or run.</summary>
    public Task<TurnPlace> EnterAsync(string tenant, string? model = null,
        CancellationToken cancellationToken = default) =>
        Gate.EnterAsync(tenant, model, cancellationToken).AsTask();

    /// <summary>Enters a turn that gets its place at once.</summary>
    public TurnPlace Place(string tenant, string? model = null)
    {
        var entering = Gate.EnterAsync(tenant, model, CancellationToken.None);
        Assert.True(entering.IsCompletedSuccessfully, $"a turn of {tenant} must not wait");
#pragma warning disable VSTHRD002 // It has completed.
        return entering.Result;
#pragma warning restore VSTHRD002
    }

    public void Dispose()
    {
        _services.Dispose();
        File.Delete(_file);
    }
}

/// <summary>A model whose servers take a number of calls; nobody calls it.</summary>
internal sealed class NamedModel(string name, int callsMax) : IModelBackend
{
    public string Rendering => name;

    public IReadOnlyList<string> Models { get; } = [name];

    public int CallsMax { get; set; } = callsMax;

    public bool Serves(string model) => model == name;

    public Rendered Render(Item item, object? state) => throw new NotSupportedException();

    public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}

/// <summary>Short words for what admission refuses.</summary>
internal static class Refused
{
    /// <summary>Waits until something is refused, and gives why.</summary>
    public static async Task<Refusal> RefusalAsync(this Task refused) =>
        (await Assert.ThrowsAsync<ConversationException>(() => refused.WaitAsync(Waits.Patience))).Refusal;
}
