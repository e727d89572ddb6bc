using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>How a contract wants its host.</summary>
public sealed record HostSetup
{
    /// <summary>The check on new input; null: there is none.</summary>
    public IInputCheck? Check { get; init; }

    /// <summary>Bytes that warm conversations may hold together; null: the host's own bound.</summary>
    public long? WarmBytesMax { get; init; }

    /// <summary>What conversations may hold; null: nobody counts.</summary>
    public ProcessHolding? Holding { get; init; }

    /// <summary>How histories that are sent again are recognised; null: they are not.</summary>
    public RecognitionOptions? Recognition { get; init; }

    /// <summary>How long responses are kept; null: for ever.</summary>
    public ResponseLifetimes? Lifetimes { get; init; }
}

/// <summary>Starts hosts of one kind. It has no state.</summary>
public interface IContractHosts
{
    /// <summary>A host with an empty journal.</summary>
    Task<ContractHost> StartAsync(HostSetup setup);
}
