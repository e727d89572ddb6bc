using System.ComponentModel.DataAnnotations;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests;

/// <summary>What a silo is registered with, and no more: it runs by the system's clock.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task SiloThatIsAFrontendToo_RunsATurn()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureHost(static host => host.Logging.ClearProviders());
        builder.ConfigureSilo(static (_, silo) =>
        {
            silo.Services.AddSingleton<IJournal, InMemoryJournal>();
            silo.Services.AddSingleton<IModelBackend, GatedModel>();
            silo.Services.AddSingleton<IIdSource, RandomIdSource>();
            silo.AddConversations(new ConversationClusterOptions());
            silo.Services.AddOrleansConversations(new ConversationClusterOptions());
        });
        await using var cluster = builder.Build();
        await cluster.DeployAsync().WaitAsync(Waits.Patience);
        var turns = cluster.Silos[0].ServiceProvider.GetRequiredService<ITurns>();
        var key = new ConversationKey("default", ContractClient.NewConversation());

        var id = await turns.StartTurnAsync(new StartTurn
        {
            Key = key,
            RequestId = ContractClient.NewRequest(),
            Lease = new LeaseId(1),
            Create = Encoding.UTF8.GetBytes(ContractClient.Json("\"hello\"", model: "echo")),
        }, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

        await using var reader = new EventReader(turns, new TurnAddress(key.Tenant, id), 0);
        Assert.Equal("response.completed", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
    }

    [Fact]
    public void Options_OutOfRange_AreRefusedByName()
    {
        var services = new ServiceCollection();
        var wrong = new ConversationClusterOptions { CallTimeout = TimeSpan.FromMinutes(1) };

        var fault = Assert.Throws<ValidationException>(() => services.AddOrleansConversations(wrong));

        Assert.Contains(nameof(ConversationClusterOptions.CallTimeout), fault.Message, StringComparison.Ordinal);
    }
}
