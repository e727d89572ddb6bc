using Orleans.Runtime;

namespace Evergrain.Grains.Calls;

/// <summary>
/// Marks a method whose call may take the longer the more it sends: <see cref="StartRequest.CallTime"/> says how long.
/// </summary>
[InvokableBaseType(typeof(GrainReference), typeof(Task<>), typeof(SizedCall<>))]
[AttributeUsage(AttributeTargets.Method)]
public sealed class SizedCallAttribute : Attribute;

/// <summary>A call whose time goes by what it sends. Nothing of it crosses to another process.</summary>
/// <typeparam name="TResult">The type of its result.</typeparam>
[SerializerTransparent]
public abstract class SizedCall<TResult> : TaskRequest<TResult>
{
    /// <inheritdoc/>
    public override TimeSpan? GetDefaultResponseTimeout() => (GetArgument(0) as StartRequest)?.CallTime;
}
